"""Every setting of the platform, read top to bottom. Values come from the environment (see .env.example)."""

import glob
import importlib.util
import secrets
from pathlib import Path

from celery.schedules import crontab
from django.utils.translation import gettext_lazy as _

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent
env.load_dotenv(BASE_DIR / ".env")

# --- what this installation is -------------------------------------------------------------------
DEBUG = env.flag("DEBUG")
# Without a key in the environment sessions end with the process: safe, and plain to see.
SECRET_KEY = env.text("SECRET_KEY") or secrets.token_urlsafe(50)
# What seals the audit; kept apart from the database (ADR 0023). Without one, the secret key; without that, a file in
# VAR_DIR. Keys used before stay here, or their entries cannot be checked.
AUDIT_KEY = env.text("AUDIT_KEY") or env.text("SECRET_KEY")
AUDIT_KEYS_BEFORE = env.words("AUDIT_KEYS_BEFORE")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
# Where readers find this installation: what stands in files and publications links back to it.
SITE_URL = env.text("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
VAR_DIR = Path(env.text("VAR_DIR") or BASE_DIR / "var")
# The ends of the audit's chain, one a day: best on a disk that the database's owner cannot write to.
AUDIT_ANCHORS = env.text("AUDIT_ANCHORS") or str(VAR_DIR / "audit-anchors.jsonl")
SHARED_DATA_DIR = Path(env.text("SHARED_DATA_DIR") or BASE_DIR.parent / "shared" / "data")

# --- parts ----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.gis",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "rest_framework_gis",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "facilities",
    "inventory",
    "planning",
    "projects",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.middleware.RequestIdMiddleware",
    "core.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "core.middleware.CityMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "core.context.frame",
            ],
            "builtins": ["core.templatetags.pingji"],
        },
    }
]

# --- database: PostGIS ----------------------------------------------------------------------------
DATABASES = {"default": env.database(env.text("DATABASE_URL", "postgis://pingji@localhost:5432/pingji"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# GDAL and GEOS ride in the wheels of pyogrio and shapely: newer than Debian's, and the same everywhere.
for _setting, _pattern in (
    ("GDAL_LIBRARY_PATH", "pyogrio.libs/libgdal*"),
    ("GEOS_LIBRARY_PATH", "shapely.libs/libgeos_c*"),
):
    _spec = importlib.util.find_spec(_pattern.split(".")[0])
    if _spec and _spec.origin:
        _found = glob.glob(str(Path(_spec.origin).parent.parent / _pattern))
        if _found:
            globals()[_setting] = _found[0]

# --- Redis: broker, cache, rate limits ------------------------------------------------------------
REDIS_URL = env.text("REDIS_URL", "redis://localhost:6379/0")
CACHES = {
    "default": {
        "BACKEND": "config.cache.PrefixedRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": env.text("CACHE_PREFIX", "pingji"),
    }
}

# --- Celery: transport only; the Job row is the truth ----------------------------------------------
CELERY_BROKER_URL = env.celery_broker(REDIS_URL)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "global_keyprefix": env.text("CACHE_PREFIX", "pingji") + ":",
}
CELERY_TASK_DEFAULT_QUEUE = "interactive"
CELERY_TASK_TIME_LIMIT = 3600
CELERY_TASK_SOFT_TIME_LIMIT = 3540
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_BEAT_SCHEDULE = {
    "watch jobs": {"task": "core.tasks.watch_jobs", "schedule": 15.0, "options": {"expires": 15}},
    "deliver events": {
        "task": "projects.tasks.deliver_events",
        "schedule": float(env.number("WEBHOOK_EVERY_SECONDS", 15)),
        "options": {"expires": 15},
    },
    "anchor the audit": {"task": "projects.tasks.anchor_audit", "schedule": crontab(hour=2, minute=10)},
    # Asked every hour; each city's rules are run once a day, in the morning of its own time zone.
    "supervise": {"task": "projects.tasks.supervise", "schedule": crontab(minute=20)},
    "forget old events": {"task": "projects.tasks.forget_old_events", "schedule": crontab(hour=3, minute=40)},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# A worker that dies leaves its heartbeat behind: after this long its job is taken up again or failed.
JOB_HEARTBEAT_SECONDS = env.number("JOB_HEARTBEAT_SECONDS", 5)
JOB_LOST_AFTER_SECONDS = env.number("JOB_LOST_AFTER_SECONDS", 25)
# A holder that is known to live may be silent this long (native code that lets no other thread run).
JOB_SILENT_AT_MOST_SECONDS = env.number("JOB_SILENT_AT_MOST_SECONDS", 900)
JOB_MAX_ATTEMPTS = env.number("JOB_MAX_ATTEMPTS", 3)
# Finished runs of a city of at most so many cells get the range of need and gap by themselves; 0: only when asked.
AUTO_RANGE_MAX_CELLS = env.number("AUTO_RANGE_MAX_CELLS", 50_000)

# --- webhooks: what is told to other systems --------------------------------------------------------
# Private networks that may be told, like 10.0.0.0/8; nothing else that is not public is ever asked.
WEBHOOK_ALLOWED_NETWORKS = env.words("WEBHOOK_ALLOWED_NETWORKS")
# Certificates of an authority of one's own, in PEM; empty: those of the system.
WEBHOOK_CA_FILE = env.text("WEBHOOK_CA_FILE")
WEBHOOK_TIMEOUT_SECONDS = env.number("WEBHOOK_TIMEOUT_SECONDS", 10)
# A hand that died lets go of what it was sending after this long. Longer than two timeouts.
WEBHOOK_HOLD_SECONDS = env.number("WEBHOOK_HOLD_SECONDS", 45)
# The waits between attempts, each give or take a fifth; eleven attempts within a day.
WEBHOOK_RETRY_SECONDS = env.words("WEBHOOK_RETRY_SECONDS", "10,30,120,600,1800,3600,7200,14400,28800,28800")
# So many deliveries given up since the last that was taken switch an address off.
WEBHOOK_OFF_AFTER_DEAD = env.number("WEBHOOK_OFF_AFTER_DEAD", 20)
WEBHOOK_KEEP_DAYS = env.number("WEBHOOK_KEEP_DAYS", 90)

# --- people ---------------------------------------------------------------------------------------
AUTH_USER_MODEL = "core.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
# Wrong passwords for one name from one address before both must wait, and how long.
LOGIN_ATTEMPTS = env.number("LOGIN_ATTEMPTS", 8)
LOGIN_WAIT_SECONDS = env.number("LOGIN_WAIT_SECONDS", 300)
CSRF_FAILURE_VIEW = "core.views.errors.csrf_failed"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env.flag("HTTPS"):
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31536000

# --- languages and time ---------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.text("TIME_ZONE", "Asia/Shanghai")
SITE_NAME = _("Pingji")

# --- files ----------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static_collected"
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [BASE_DIR / "static"]
# Front-end packages are installed by npm, never committed; pages find them under /static/vendor/<package>/.
for _package in ("maplibre-gl", "htmx.org", "echarts"):
    _folder = BASE_DIR / "node_modules" / _package / "dist"
    if _folder.is_dir():
        STATICFILES_DIRS.append((f"vendor/{_package}", _folder))
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedStaticFilesStorage"
    },
    # Frozen inputs, networks and result arrays that workers share; S3-compatible storage fits here too.
    "artefacts": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(VAR_DIR / "artefacts"), "base_url": None},
    },
}
MEDIA_ROOT = VAR_DIR / "media"
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
UPLOAD_MAX_BYTES = env.number("UPLOAD_MAX_BYTES", 100 * 1024 * 1024)

# --- API ------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "core.api.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": [
        "core.api.filtering.StrictFilterBackend",
        "core.api.ordering.StableOrderingFilter",
    ],
    "DEFAULT_PAGINATION_CLASS": "core.api.pagination.PagePagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "core.api.negotiation.Negotiation",
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "core.api.problems.problem_handler",
    "DEFAULT_VERSIONING_CLASS": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "URL_FORMAT_OVERRIDE": "format",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Pingji API",
    "DESCRIPTION": "Registry, scoring and planning of dual-use (平急两用) public facilities.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    # Names for closed lists, whatever the field is called that uses them.
    "ENUM_NAME_OVERRIDES": {
        f"{name}Enum": f"{app}.choices.{name}"
        for app, names in {
            "core": "AreaLevel MapFeatureKind OrganisationKind Role JobState Certainty Datum TimeOfDay",
            "facilities": "FacilityStatus CapabilityStatus CapacityAttribute CapacitySource Hazard BatchState ProposalState Readiness",
            "inventory": "AssetKind Tenure AssetStatus InterventionKind MovementKind",
            "projects": "ProjectState RouteKind TaskKind CaseState StepState Outcome ConditionState Severity FindingState MilestoneAct AlertState DeliveryState EventKind",
            "planning": "Driver ReachUnit TravelMode ReachMethod Assignment Extent ProfileStatus RunState VersionState SupplyReason AnalysisKind ProfileLevel Phase NeedBasis ScenarioTemplate LayerMethod PeopleGroup",
        }.items()
        for name in names.split()
    }
    | {"KindsEnum": "planning.services.siting.KINDS"},
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "persistAuthorization": False,
        "validatorUrl": None,
        "docExpansion": "none",
    },
    "APPEND_COMPONENTS": {
        "schemas": {
            "Problem": {
                "type": "object",
                "description": "RFC 9457 problem document; `code` is stable.",
                "properties": {
                    "type": {"type": "string"},
                    "status": {"type": "integer"},
                    "code": {"type": "string"},
                    "title": {"type": "string"},
                    "request_id": {"type": "string"},
                    "errors": {},
                    "problems": {"type": "array", "items": {"type": "object"}},
                },
                "required": ["type", "status", "code", "title"],
            }
        }
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "core.api.schema.say_problems",
    ],
}

# --- logs -----------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "celery": {"level": "WARNING"},
    },
}
