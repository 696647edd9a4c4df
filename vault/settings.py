"""Settings of the vault: its own process, database, keys and Redis. It has no sessions and no cookies."""

import os
from urllib.parse import urlsplit

import dj_database_url

from core.environment import positive, secret, whole_number
from core.limits import read_limit
from core.logs import set_up
from vault.places import places

ENVIRONMENT = os.environ.get("TOLLGATE_ENV", "production")
DEVELOPMENT = ENVIRONMENT in ("development", "test")
DEBUG = False

SECRET_KEY = secret("VAULT_SECRET_KEY", development=DEVELOPMENT)
# How many proxies of ours a browser passes: the address before them is its own.
TRUSTED_PROXIES = whole_number("VAULT_TRUSTED_PROXIES", 0 if DEVELOPMENT else None)
ALLOWED_HOSTS = os.environ.get("VAULT_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")

INSTALLED_APPS = ["core", "vault"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "vault.middleware.AnswerMiddleware",
]
ROOT_URLCONF = "vault.urls"
WSGI_APPLICATION = "vault.wsgi.application"
APPEND_SLASH = False

# A connection is held for one statement or one short transaction, never while a processor is called.
_database = dj_database_url.parse(os.environ.get("VAULT_DATABASE_URL", "postgres:///tollgate_vault"))
DATABASES = {
    "default": {
        **_database,
        "CONN_MAX_AGE": 0,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {
            # What the URL says, sslmode for one.
            **_database.get("OPTIONS", {}),
            "pool": {
                "min_size": 2,
                "max_size": int(os.environ.get("VAULT_DATABASE_POOL_SIZE", "16")),
                # Longer than any burst should wait; then the caller gets a 503, and nothing was sent.
                "timeout": 10,
            },
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Where browsers find the gateway: its checkout page frames our fields, and other pages confirm payments there.
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000" if DEVELOPMENT else "")

# Holds card verification codes for minutes. It must be the vault's own and must not persist anything.
VAULT_REDIS_URL = os.environ.get("VAULT_REDIS_URL", "redis://127.0.0.1:6379/1")
# The master keys by version, as `vault/keyring.py` describes them.
VAULT_KEY_FILE = os.environ.get("VAULT_KEY_FILE", "")
# Where the key file names keys of an HSM: the library that speaks PKCS#11 with it, and its token's label. The PIN is
# read where it is used.
VAULT_PKCS11_MODULE = os.environ.get("VAULT_PKCS11_MODULE", "")
VAULT_PKCS11_TOKEN = os.environ.get("VAULT_PKCS11_TOKEN", "")
# How many stored cards of one merchant are opened in a minute; a thief with a way in gets no more.
VAULT_DECRYPTIONS_PER_MINUTE = positive("VAULT_DECRYPTIONS_PER_MINUTE", 6000)
# How often cards are given, from one address and by the keys of one merchant: thieves try numbers in hundreds.
RATE_LIMITS = {
    "cards": read_limit("VAULT_RATE_LIMIT_CARDS", "60/m"),
    "cards_of_key": read_limit("VAULT_RATE_LIMIT_CARDS_OF_KEY", "100/s"),
}
VAULT_SHARED_SECRET = secret("VAULT_SHARED_SECRET", development=DEVELOPMENT)


def _origin(text: str) -> tuple[str, str, int]:
    """`https://bank.example` as ("https", "bank.example", 443)."""
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise SystemExit(f"VAULT_FORWARD_ORIGINS: {text!r} is not an origin such as https://bank.example.")
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]


# Where cards may be sent, and nowhere else.
VAULT_FORWARD_ORIGINS = frozenset(
    _origin(text) for text in os.environ.get("VAULT_FORWARD_ORIGINS", "").split(",") if text.strip()
)

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
X_FRAME_OPTIONS = "DENY"
REQUIRE_TLS = not DEVELOPMENT
if not DEVELOPMENT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    if not VAULT_KEY_FILE:
        raise SystemExit("VAULT_KEY_FILE must name the file with the vault's keys.")
    if os.environ.get("FAULTS_DIR"):
        raise SystemExit("FAULTS_DIR is for tests: unset it in production.")
SILENCED_SYSTEM_CHECKS = [
    "security.W003",  # no cookies and no sessions: nothing for a forged request to ride on
    "security.W008",  # a redirect comes after the card travelled in the clear: plain HTTP is refused instead
]

# No part of a request may reach a log or a report: exceptions are told by type and place.
DEFAULT_EXCEPTION_REPORTER = "vault.reports.PlaceReporter"
LOGGING = set_up(
    form=os.environ.get("LOG_FORMAT", "text" if ENVIRONMENT == "development" else "json"),
    level=os.environ.get("LOG_LEVEL", "INFO"),
    tell=places,
)
LOGGING["loggers"] |= {
    # Django's own handlers (mail to admins, with the whole request in it) are replaced.
    "django": {"handlers": [], "level": "INFO", "propagate": True},
    # Their debug lines hold statements with values, and addresses that were called.
    "django.db.backends": {"level": "INFO"},
    "urllib3": {"level": "ERROR"},
}
