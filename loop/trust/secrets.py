"""Which variables a run may have and which hold a secret: kept lists of names, and the shapes of values. Pure.

One list serves what a run is given (sandbox.py) and what is masked in texts (proposers/scrub.py). A name is cut into
its words at underscores and at capitals, so that `AUTHOR` is no `AUTH` and `KEYBOARD` no `KEY`.
"""

from __future__ import annotations

import re

from loop.settings.devices import DEVICES

# What a run may be given of our environment; and of that nothing whose name or value looks like a secret.
ALLOWED = re.compile(
    r"PATH|LANG|LANGUAGE|TZ|LC_\w+|(DY)?LD_LIBRARY_PATH|VIRTUAL_ENV|CONDA_PREFIX"
    rf"|({'|'.join(prefix for device in DEVICES for prefix in device.prefixes)}|PYTORCH|OMP|KMP|MKL|OPENBLAS)_\w+"
)

# A word that makes the name a secret's wherever it stands: GITHUB_PAT, DB_PASSWORD_FILE, SENTRY_DSN.
LISTED = """
    key keys token tokens jwt bearer oauth sas otp totp salt pepper secret secrets mnemonic hmac
    pass passwd passwds password passwords passphrase passphrases passcode pwd pwds pswd pw
    credential credentials cred creds auth auths authorization cookie cookies csrf
    pat pats webhook webhooks dsn dsns kubeconfig kubeconfigs netrc dockercfg keytab keystore keyring keyfile
    pem pfx p12 htpasswd xauthority iceauthority sessionid connstr sshpass askpass
"""
WORDS = frozenset(LISTED.split())
# One long word that ends in one of them: PGPASSWORD, MYSQLPWD, WANDBAPIKEY, DOCKERAUTH.
ENDING = re.compile(
    r"(password|passwd|passphrase|passcode|pwd|(?<!by)(?<!com)(?<!tres)(?<!over)pass|token|secret|credential|webhook|dsn"
    r"|netrc|kubeconfig|auth|cookie|connstr|passfile|keyfile|tokenfile|(?<!mon)(?<!tur)(?<!don)(?<!hot)(?<!whis)(?<!joc)(?<!hoc)(?<!lac)key)s?$"
)
# Words that mean a secret together: an address that is known to carry a password, a phrase that is one.
TOGETHER = re.compile(
    r"(^|_)conn(ection)?_?(\w+_)?(str|string|url|uri)(_|$)|connection_?string"
    r"|(^|_)(\w*database|db|postgres(ql)?|pg|mysql|mariadb|mongo(db)?|redis(cloud)?|amqp|rabbitmq|broker|celery|sqlalchemy"
    r"|jdbc|clickhouse|elasticsearch|snowflake|mssql|cloudamqp|cleardb|jawsdb)_(\w+_)?(url|uri)(_|$)"
    r"|(^|_)(seed|recovery|backup)_(phrase|code|words)s?(_|$)|^docker_config$|(^|_)service_account(_|$)|(^|_)signing_"
)
FAMILY = re.compile(r"^(aws|azure|vault|krb5|sops|op_session)(_|$)|^krb5ccname$")  # identities, every one of them
VALUE = re.compile(
    r"^(sk[-_]|[rp]k_(live|test)_|gh[pousr]_|github_pat_|hf_|gsk_|xai-|xox|nvapi-|AKIA|ASIA|AIza|ya29\.|glpat-|npm_|pypi-"
    r"|dop_v1_|shpat_|SG\.|eyJ|-----BEGIN)|://[^/@\s]*:[^/@\s]+@|://[^/@\s:]{16,}@"
    r"|(^|[;&?\s])([Pp]ass[Ww]ord|PASSWORD|[Pp]wd|AccountKey|SharedAccess\w+|sig|access_token|api_?key)=[^;&\s]"
    r"|^https://(hooks\.slack\.com|discord(app)?\.com/api/webhooks|[\w.-]+\.webhook\.office\.com)/"
)


def looks_secret(name: str, value: str) -> bool:
    """Return whether a variable's name or value is that of a key, a token, a password, or of a way to one."""
    parts = words(name)
    plain = "_".join(parts)
    return bool(
        WORDS.intersection(parts)
        or any(map(ENDING.search, parts))
        or TOGETHER.search(plain)
        or FAMILY.search(plain)
        or VALUE.search(value)
    )


def words(name: str) -> list[str]:
    """Return the words of a variable's name in small letters: `hfToken` and `HF_TOKEN` have the same two."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return [part for part in re.split(r"[^a-z0-9]+", parts) if part]
