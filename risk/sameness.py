"""When two spellings are the same person's email, the same domain, or the same household's address. For counting and
for lists; what is shown and stored elsewhere stays as it came. Pure."""

import ipaddress

# Who ignores dots in the names of their mailboxes.
DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
# What one customer of a provider is given, and can change within at will.
IPV6_NETWORK = 64

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def same_email(email: str) -> str:
    """Small letters, the domain as DNS has it, nothing after a plus sign, and no dots where they mean nothing."""
    local, at, domain = email.strip().lower().rpartition("@")
    if not at:
        return email.strip().lower()
    domain = same_domain(domain)
    bare = local.partition("+")[0] or local
    if domain in DOTLESS:
        domain, bare = DOTLESS[domain], bare.replace(".", "") or bare
    return f"{bare}@{domain}"


def same_domain(domain: str) -> str:
    """As DNS has it: small letters, punycode, no dot at the end. What is none stays as it is, in small letters."""
    plain = domain.strip().lower().rstrip(".")
    try:
        return plain.encode("idna").decode("ascii") or plain
    except UnicodeError:
        return plain


def address(ip: str) -> Address | None:
    """An IPv4 address stays one when it is written as IPv6."""
    try:
        read = ipaddress.ip_address(ip.strip())
    except ValueError:
        return None
    mapped = read.ipv4_mapped if isinstance(read, ipaddress.IPv6Address) else None
    return mapped or read


def same_place(ip: str) -> str:
    """The address, or the IPv6 network that it is free to move in; "" for what is no address."""
    read = address(ip)
    if read is None:
        return ""
    if isinstance(read, ipaddress.IPv4Address):
        return str(read)
    return str(ipaddress.ip_network((int(read), IPV6_NETWORK), strict=False))
