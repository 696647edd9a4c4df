"""Settings of web, worker and beat. Everything that differs between machines comes from the environment."""

import os
from pathlib import Path
from typing import Any

import dj_database_url
import django_stubs_ext
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.environment import kafka_options, optional_secret, secret, whole_number
from core.limits import read_limit
from core.logs import set_up
from risk.base_currency import ROUGH_RATES, read_rates

# Django's generic classes (ModelAdmin, Paginator, …) may be subscripted at run time as the type checker wants.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ.get("TOLLGATE_ENV", "production")
DEVELOPMENT = ENVIRONMENT in ("development", "test")
DEBUG = False

SECRET_KEY = secret("SECRET_KEY", development=DEVELOPMENT)
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000")
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "rest_framework",
    "core",
    "merchants",
    "idempotency",
    "controls",
    "ledger",
    "risk",
    "webhooks",
    "payments",
    "reconciliation",
    "receipts",
    "gateway",
]

MIDDLEWARE = [
    "gateway.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "merchants.middleware.ApiKeyMiddleware",
    "gateway.card_passthrough.CardPassthroughMiddleware",
    "idempotency.middleware.IdempotencyMiddleware",
    "gateway.middleware.ConsoleSessions",
    "django.middleware.csrf.CsrfViewMiddleware",
    "gateway.middleware.ConsoleStaff",
    "gateway.middleware.ConsoleSecondFactor",
    "gateway.middleware.ConsoleMessages",
    "gateway.middleware.ViewersZone",
    "gateway.sign_in.SignInMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "gateway.urls"
WSGI_APPLICATION = "gateway.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# A connection is held for a statement or a short transaction, never for a processor's call: hundreds of
# threads share a small pool (docs/decisions/0002-threads-and-a-small-pool.md).
# A transaction of a frozen process would hold its locks for ever, and whoever waits for them a place in the pool.
# Ours are short; commands such as migrate and verify_ledger take the time they need.
TIMEOUTS = "-c lock_timeout=5s -c statement_timeout=15s -c idle_in_transaction_session_timeout=15s"
SERVING = "TOLLGATE_COMMAND" not in os.environ

_database = dj_database_url.parse(os.environ.get("DATABASE_URL", "postgres:///tollgate"))
DATABASES = {
    "default": {
        **_database,
        "CONN_MAX_AGE": 0,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {
            # What the URL says, sslmode for one.
            **_database.get("OPTIONS", {}),
            **({"options": TIMEOUTS} if SERVING else {}),
            # A server that is gone without a word is noticed before the client's patience ends.
            "tcp_user_timeout": 15_000,
            "keepalives_idle": 30,
            "pool": {
                "min_size": 2,
                "max_size": int(os.environ.get("DATABASE_POOL_SIZE", "16")),
                # Longer than any burst should wait; then the client gets a 503 with Retry-After.
                "timeout": 10,
            },
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            # Redis only makes things faster; a slow one is treated as absent.
            "SOCKET_CONNECT_TIMEOUT": 0.25,
            "SOCKET_TIMEOUT": 0.25,
            # One for each thread of a process at the very most; once more for one that a restart cut off.
            "CONNECTION_POOL_KWARGS": {
                "max_connections": 2048,
                "protocol": 2,
                "retry": Retry(NoBackoff(), 1),
            },
        },
    }
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", REDIS_URL)
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A poll that was not run before it expires is worth nothing: workers that come back skip what piled up.
CELERY_BEAT_SCHEDULE = {
    "close operations whose outcome is open": {
        "task": "payments.sweep_operations",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
    "look after open disputes": {
        "task": "payments.look_after_disputes",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "find disputes that nobody told of": {
        "task": "payments.find_disputes",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "remind of disputes' deadlines": {
        "task": "payments.remind_of_disputes",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "look after charges that wait": {
        "task": "payments.look_after_charges",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "end reviews that nobody decided on": {
        "task": "payments.look_after_reviews",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "end checkouts whose time is over": {
        "task": "payments.expire_checkouts",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "pay out on schedule": {
        "task": "payments.schedule_payouts",
        "schedule": 60.0,
        "options": {"expires": 120},
    },
    "ask what became of payouts": {
        "task": "payments.look_after_payouts",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "make money available on its date": {
        "task": "payments.make_available",
        "schedule": 10.0,
        "options": {"expires": 20},
    },
    "apply processors' notifications": {
        "task": "payments.apply_notifications",
        "schedule": 1.0,
        "options": {"expires": 5},
    },
    "tell the vault of publishable keys": {
        "task": "payments.push_publishable_keys",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "look after approvals": {
        "task": "controls.look_after_approvals",
        "schedule": 30.0,
        "options": {"expires": 60},
    },
    "fan events out to endpoints": {"task": "webhooks.relay", "schedule": 1.0, "options": {"expires": 5}},
    "publish events on Kafka": {"task": "webhooks.publish", "schedule": 1.0, "options": {"expires": 5}},
    "send due webhooks": {"task": "webhooks.deliver_due", "schedule": 1.0, "options": {"expires": 5}},
    "send again what staff asked for": {
        "task": "webhooks.replay",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
    "disable endpoints that only fail": {
        "task": "webhooks.disable_failing_endpoints",
        "schedule": 60.0,
        "options": {"expires": 50},
    },
    "take in what processors and the bank report": {
        "task": "reconciliation.pull_reports",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "take in the reports that people handed in": {
        "task": "reconciliation.take_in_uploads",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "compare again what is open": {
        "task": "reconciliation.look_again",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "seal the books": {"task": "ledger.seal", "schedule": 5.0, "options": {"expires": 10}},
    "look after the books": {"task": "ledger.monitor", "schedule": 60.0, "options": {"expires": 60}},
    "send receipts": {"task": "receipts.send", "schedule": 2.0, "options": {"expires": 10}},
    "take in receipts that come back": {
        "task": "receipts.take_bounces",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "forget old idempotency keys": {
        "task": "idempotency.forget_old_keys",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
}
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 15}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["merchants.answers.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": [],
    "EXCEPTION_HANDLER": "merchants.answers.answer_error",
    "UNAUTHENTICATED_USER": None,
}

VAULT_URL = os.environ.get("VAULT_URL", "http://127.0.0.1:8001")
# Where browsers find it: merchants' pages, and our checkout page.
VAULT_PUBLIC_URL = os.environ.get("VAULT_PUBLIC_URL", VAULT_URL)
VAULT_SHARED_SECRET = secret("VAULT_SHARED_SECRET", development=DEVELOPMENT)
SANDBOX_BANK_URL = os.environ.get("SANDBOX_BANK_URL", "http://127.0.0.1:8002")
SANDBOX_TWO_BANK_URL = os.environ.get("SANDBOX_TWO_BANK_URL", "")
# Without it, notifications are refused; the sweeper's lookups find out all the same, only later.
SANDBOX_NOTIFY_SECRET = os.environ.get(
    "SANDBOX_NOTIFY_SECRET", "sandbox-notifications" if DEVELOPMENT else ""
)
STRIPE_PROCESSOR_KEY = os.environ.get("STRIPE_PROCESSOR_KEY", "")


def _sandbox(url: str) -> dict[str, Any]:
    return {
        "adapter": "processors.sandbox.SandboxProcessor",
        "livemode": False,
        "options": {"url": url, "notification_secret": SANDBOX_NOTIFY_SECRET},
    }


# The processors, in order of preference; each serves one mode. `options` go to the adapter. Notifications of the
# one called NAME arrive at PUBLIC_URL/notifications/NAME.
PROCESSORS: dict[str, dict[str, Any]] = {"sandbox": _sandbox(SANDBOX_BANK_URL)}
if SANDBOX_TWO_BANK_URL:
    PROCESSORS["sandbox_two"] = _sandbox(SANDBOX_TWO_BANK_URL)
if STRIPE_PROCESSOR_KEY:
    PROCESSORS["stripe"] = {
        "adapter": "processors.stripe.StripeProcessor",
        # A restricted key tells its mode in the same way.
        "livemode": STRIPE_PROCESSOR_KEY.startswith(("sk_live_", "rk_live_")),
        "options": {
            "key": STRIPE_PROCESSOR_KEY,
            "base_url": os.environ.get("STRIPE_PROCESSOR_URL", "https://api.stripe.com"),
            "notification_secret": os.environ.get("STRIPE_PROCESSOR_WEBHOOK_SECRET", ""),
        },
    }
# What each processor reports, day by day: the format of its files, the fee that is agreed (None: not checked), and
# how many days a line may come late.
SETTLEMENT_REPORTS: dict[str, dict[str, Any]] = {
    name: {
        "format": "stripe" if name == "stripe" else "sandbox",
        "fee": None if name == "stripe" else {"basis_points": 150, "fixed_minor": 0},
        "grace_days": 2 if name == "stripe" else 1,
    }
    for name in PROCESSORS
}
# Files that are put here are imported: one folder for each processor, and `bank` for statements of our account.
SETTLEMENT_DIR = os.environ.get("SETTLEMENT_DIR", "")
# Whose money is on the bank account of the statements: real money as soon as a processor has some.
BANK_IS_LIVE = any(config["livemode"] for config in PROCESSORS.values())
# How long a processor may take to answer. Its lookups begin five seconds after that.
PROCESSOR_TIMEOUT_SECONDS = float(os.environ.get("PROCESSOR_TIMEOUT_SECONDS", "30"))
# So many technical failures of a processor within half a minute, and it is left alone for a while.
BREAKER_MIN_FAILURES = int(os.environ.get("BREAKER_MIN_FAILURES", "5"))
# How long what is held may be captured: what card schemes allow for most cards.
AUTHORIZATION_DAYS = float(os.environ.get("AUTHORIZATION_DAYS", "7"))
# What merchants pay for each dispute, in the smallest unit: "usd=1500,jpy=2000". Other currencies pay 15.00.
DISPUTE_FEES: dict[str, int] = {
    currency.strip().lower(): int(fee)
    for currency, _, fee in (
        pair.partition("=") for pair in os.environ.get("DISPUTE_FEES", "").split(",") if pair
    )
}
# How long a payment may be judged before its processor is asked: what is missing by then is a fault.
RISK_BUDGET_SECONDS = float(os.environ.get("RISK_BUDGET_SECONDS", "0.1"))
# Rules compare amounts of all currencies in this one. The rates say how much of it one unit of another is worth:
# rough ones will do, since nothing is booked by them.
RISK_BASE_CURRENCY = os.environ.get("RISK_BASE_CURRENCY", "usd")
RISK_RATES = read_rates(os.environ.get("RISK_RATES", ROUGH_RATES if RISK_BASE_CURRENCY == "usd" else ""))
# How long a cardholder may take to answer a challenge.
CHALLENGE_SECONDS = float(os.environ.get("CHALLENGE_SECONDS", "1800"))
# How long a payout can be called back: then its bank is asked.
PAYOUT_SEND_AFTER_SECONDS = float(os.environ.get("PAYOUT_SEND_AFTER_SECONDS", "60"))
# Webhooks may go to loopback addresses in development only.
WEBHOOKS_ALLOW_LOOPBACK = DEVELOPMENT
# Without it there is no event stream, and nothing is kept for one.
KAFKA_BOOTSTRAP_SERVERS = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
# The topics are PREFIX.test.events and PREFIX.live.events.
KAFKA_TOPIC_PREFIX = os.environ.get("KAFKA_TOPIC_PREFIX", "tollgate")
KAFKA_OPTIONS = kafka_options(os.environ)
# Money whose fate no processor has told for so long is for a person to look at.
LEDGER_DOUBT_HOURS = float(os.environ.get("LEDGER_DOUBT_HOURS", "24"))
# Receipts go by SMTP; in development, where no server is named, into files.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = optional_secret("EMAIL_HOST_PASSWORD", os.environ)
EMAIL_USE_TLS = os.environ.get("EMAIL_SECURITY", "") == "starttls"
EMAIL_USE_SSL = os.environ.get("EMAIL_SECURITY", "") == "tls"
EMAIL_TIMEOUT = 10
EMAIL_FILE_PATH = os.environ.get("EMAIL_FILE_PATH", str(BASE_DIR / ".data" / "mail"))
if DEVELOPMENT and "EMAIL_HOST" not in os.environ:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
BOUNCES_MAILDIR = os.environ.get("BOUNCES_MAILDIR", "")
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM", "receipts@localhost")
IDEMPOTENCY_KEEP_HOURS = int(os.environ.get("IDEMPOTENCY_KEEP_HOURS", "72"))
if IDEMPOTENCY_KEEP_HOURS < 72:
    raise SystemExit(
        f"IDEMPOTENCY_KEEP_HOURS is {IDEMPOTENCY_KEEP_HOURS}: merchants may count on 72 at least."
    )
# How long a request that is not heard of any more keeps others from finishing its work. A living one renews it.
IDEMPOTENCY_LEASE_SECONDS = float(os.environ.get("IDEMPOTENCY_LEASE_SECONDS", "30"))

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
# Where `collectstatic` puts the console's files; without it they are served from the packages.
STATIC_ROOT = os.environ.get("STATIC_ROOT")
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
if ENVIRONMENT == "test":
    # Slow by design elsewhere; in tests nobody guesses.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Who may do more than look proves it with a second factor. The demo's own login is on a developer's machine only.
SECOND_FACTOR_REQUIRED = os.environ.get("SECOND_FACTOR", "required") != "off"
SECOND_FACTOR_EXEMPT = ("admin",) if ENVIRONMENT == "development" else ()
OTP_TOTP_ISSUER = "Tollgate"
# Half a minute to either side, always: following a phone's clock would let old codes in.
OTP_TOTP_SYNC = False
# Wrong codes are counted where wrong passwords are (gateway/guesses.py); here they would lock out one another.
OTP_TOTP_THROTTLE_FACTOR = 0
OTP_STATIC_THROTTLE_FACTOR = 0
# A console that nobody has touched for so long is left, and however busy, a day's work is the most.
SESSION_IDLE_SECONDS = int(os.environ.get("SESSION_IDLE_MINUTES", "30")) * 60
SESSION_COOKIE_AGE = int(os.environ.get("SESSION_HOURS", "12")) * 3_600
# Who may read /metrics; without it there is no such page.
METRICS_TOKEN = optional_secret("METRICS_TOKEN", os.environ)
# How many proxies of ours a request passes: the address before them is the client's. What came before is hearsay.
TRUSTED_PROXIES = whole_number("TRUSTED_PROXIES", 0)

# How much is taken of one key; and from one address of browsers, and of whoever tries keys.
RATE_LIMITS = {
    "key": read_limit("RATE_LIMIT_KEY", "100/s"),
    "browser": read_limit("RATE_LIMIT_BROWSER", "120/m"),
    "wrong_keys": read_limit("RATE_LIMIT_WRONG_KEYS", "30/m"),
}

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The API refuses plain HTTP rather than redirect it: the key has been sent in the clear by then, and a client
# that follows would never notice. Probes of this machine ask for health as they like.
REQUIRE_TLS = not DEVELOPMENT
SECURE_REDIRECT_EXEMPT = [r"^v1/", r"^health$"]
if not DEVELOPMENT:
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    if os.environ.get("FAULTS_DIR"):
        raise SystemExit("FAULTS_DIR is for tests: unset it in production.")

LOGGING = set_up(
    form=os.environ.get("LOG_FORMAT", "text" if ENVIRONMENT == "development" else "json"),
    level=os.environ.get("LOG_LEVEL", "INFO"),
)

UNFOLD = {
    "SITE_TITLE": "Tollgate",
    "SITE_HEADER": "Tollgate",
    "SITE_SUBHEADER": "Payments console",
    "SITE_SYMBOL": "toll",
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": ["gateway.console.styles"],
    "SCRIPTS": ["gateway.console.scripts"],
    "LOGIN": {"form": "gateway.sign_in.SignInForm"},
    "DASHBOARD_CALLBACK": "gateway.console.home",
    "SIDEBAR": {"navigation": "gateway.console.side_bar"},
    # A calm blue; orange and green stand for test and live, red for trouble.
    "COLORS": {
        "primary": {
            "50": "#eef4ff",
            "100": "#dbe6fe",
            "200": "#bfd3fe",
            "300": "#93b4fd",
            "400": "#6090fa",
            "500": "#3b6cf6",
            "600": "#2450e0",
            "700": "#1d3fc4",
            "800": "#1e369f",
            "900": "#1e327d",
            "950": "#16204c",
        }
    },
}
