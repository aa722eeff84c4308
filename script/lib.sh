# Shared by the scripts beside it; sourced, never run. POSIX sh.
#
#   prepare_machine_names   where the private services live and who runs them
#   start_services          private PostGIS and Redis, unless DATABASE_URL / REDIS_URL name real ones
#   stop_services           ends them when no other script of this checkout still uses them
#
# The private services belong to this checkout: the cluster is under var/pg, the sockets are in a short
# directory under /tmp (a socket path may not be longer than about 100 characters).

set -eu

SCRIPT_NAME=${0##*/}
ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$ROOT"
PYTHON="$ROOT/.venv/bin/python"
export PYTHONUTF8=1

say() { printf '%s: %s\n' "$SCRIPT_NAME" "$*"; }
fail() {
    printf '%s: FAILED: %s\n' "$SCRIPT_NAME" "$*" >&2
    exit 1
}

now_ms() { date +%s%3N; }
# seconds_since MS -> "3.4"
seconds_since() {
    elapsed=$(($(now_ms) - $1))
    printf '%d.%d' $((elapsed / 1000)) $((elapsed % 1000 / 100))
}

is_root() { [ "$(id -u)" -eq 0 ]; }

as_root() {
    if is_root; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        fail "this needs root: $*  (run once as root, or install sudo)"
    fi
}

# Value of a setting from the environment, else from .env, else the default.
setting() {
    eval "value=\${$1-}"
    if [ -z "$value" ] && [ -f .env ]; then
        value=$(sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1=//p" .env | tail -n 1 | sed "s/^[\"']//; s/[\"'][[:space:]]*\$//")
    fi
    printf '%s' "${value:-${2-}}"
}

newest_first() { sort -t/ -k5,5nr; }

# Directory of the PostgreSQL programs that have PostGIS beside them, newest first; empty when there is none.
find_postgres() {
    if [ -f "$ROOT/var/pg/PG_VERSION" ] 2>/dev/null; then
        wanted=$(cat "$ROOT/var/pg/PG_VERSION")
        if [ -x "/usr/lib/postgresql/$wanted/bin/initdb" ]; then
            printf '/usr/lib/postgresql/%s/bin' "$wanted"
            return
        fi
    fi
    for initdb in $(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | newest_first); do
        version=${initdb#/usr/lib/postgresql/}
        version=${version%%/*}
        if [ -f "/usr/share/postgresql/$version/extension/postgis.control" ]; then
            printf '%s' "${initdb%/initdb}"
            return
        fi
    done
    if command -v initdb >/dev/null 2>&1 && command -v pg_config >/dev/null 2>&1; then
        if [ -f "$(pg_config --sharedir)/extension/postgis.control" ]; then
            dirname "$(command -v initdb)"
        fi
    fi
}

find_redis() { command -v redis-server || command -v valkey-server || true; }

prepare_machine_names() {
    mkdir -p var/run var/log
    SERVICE_USER=$(id -un)
    if is_root; then
        # PostgreSQL refuses to run as root, and Redis has no need to.
        SERVICE_USER=postgres
        if ! id -u postgres >/dev/null 2>&1; then
            SERVICE_USER=pingji
            id -u pingji >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin pingji
        fi
    fi
    CHECKOUT_KEY=$(printf '%s %s' "$ROOT" "$SERVICE_USER" | cksum | cut -d' ' -f1)
    SOCKET_DIR="/tmp/pingji-$CHECKOUT_KEY"
}

as_service() {
    if is_root; then
        (cd / && exec setpriv --reuid="$SERVICE_USER" --regid="$(id -g "$SERVICE_USER")" --clear-groups "$@")
    else
        "$@"
    fi
}

# A directory that only the service user can enter. Anyone may write to /tmp, so an existing one is not trusted blindly.
make_private_dir() {
    if ! as_service mkdir -m 700 "$1" 2>/dev/null; then
        if [ -L "$1" ] || [ -z "$(find "$1" -prune -type d -user "$SERVICE_USER" 2>/dev/null)" ]; then
            fail "$1 exists but is not a directory of user $SERVICE_USER; remove it and try again"
        fi
        as_service chmod 700 "$1"
    fi
}

# Where the private cluster and Redis keep their files: var/, or /var/lib when the service user cannot get into var/
# (a checkout under /root, say); var/pg is then a link.
choose_service_dir() {
    if [ -L var/pg ]; then
        SERVICE_DIR=$(dirname "$(readlink var/pg)")
        return
    fi
    SERVICE_DIR="$ROOT/var"
    if ! is_root; then
        return
    fi
    mkdir -p var/pg
    chown "$SERVICE_USER" var/pg 2>/dev/null || true
    if as_service test -w "$ROOT/var/pg"; then
        return
    fi
    rmdir var/pg 2>/dev/null || fail "$ROOT/var/pg is there, but user $SERVICE_USER cannot enter it; move the checkout or set DATABASE_URL"
    SERVICE_DIR="/var/lib/pingji-$CHECKOUT_KEY"
    mkdir -p "$SERVICE_DIR/pg"
    chmod 755 "$SERVICE_DIR"
    chown "$SERVICE_USER" "$SERVICE_DIR" "$SERVICE_DIR/pg"
    ln -s "$SERVICE_DIR/pg" var/pg
}

# Makes the private cluster when there is none. Only local sockets in a closed directory, so trust is enough.
prepare_cluster() {
    choose_service_dir
    PG_DIR="$SERVICE_DIR/pg"
    PG_BIN=$(find_postgres)
    [ -n "$PG_BIN" ] || fail "no PostgreSQL with PostGIS found; run script/bootstrap, or set DATABASE_URL"
    if [ ! -e "$PG_DIR/PG_VERSION" ]; then
        say "making a private PostgreSQL cluster in $PG_DIR"
        if is_root; then
            mkdir -p "$PG_DIR"
            chown "$SERVICE_USER" "$PG_DIR"
        fi
        (umask 077 && as_service "$PG_BIN/initdb" --pgdata="$PG_DIR" --username=pingji --auth=trust --encoding=UTF8 \
            --locale=C.UTF-8 --no-sync >"$ROOT/var/log/initdb.log" 2>&1) ||
            fail "initdb: $(tail -n 3 "$ROOT/var/log/initdb.log")"
        # A demonstration on one machine: quick bulk loading matters more than the last second before a power cut.
        as_service tee -a "$PG_DIR/postgresql.conf" >/dev/null <<'CONF'
listen_addresses = ''
shared_buffers = 256MB
work_mem = 32MB
maintenance_work_mem = 256MB
effective_cache_size = 1GB
random_page_cost = 1.1
jit = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 15min
CONF
    fi
    owner=$(find "$PG_DIR" -prune -user "$SERVICE_USER" 2>/dev/null)
    [ -n "$owner" ] || fail "$PG_DIR belongs to another user; run as the user who made it, or remove it to start anew"
    built_with=$(as_service cat "$PG_DIR/PG_VERSION")
    case "$PG_BIN" in
    /usr/lib/postgresql/*)
        if [ "$PG_BIN" != "/usr/lib/postgresql/$built_with/bin" ]; then
            [ -x "/usr/lib/postgresql/$built_with/bin/pg_ctl" ] ||
                fail "$PG_DIR was made by PostgreSQL $built_with, which is gone; install it or remove $PG_DIR"
            PG_BIN="/usr/lib/postgresql/$built_with/bin"
        fi
        ;;
    esac
}

start_postgres() {
    prepare_cluster
    if ! as_service "$PG_BIN/pg_ctl" status --pgdata="$PG_DIR" >/dev/null 2>&1 || [ ! -S "$SOCKET_DIR/.s.PGSQL.5432" ]; then
        # A server without its socket (a cleaned /tmp) serves nobody.
        as_service "$PG_BIN/pg_ctl" stop --pgdata="$PG_DIR" --mode=fast >/dev/null 2>&1 || true
        say "starting private PostgreSQL"
        as_service "$PG_BIN/pg_ctl" start --wait --silent --timeout=60 --pgdata="$PG_DIR" --log="$PG_DIR/server.log" \
            --options="-k $SOCKET_DIR -p 5432" </dev/null >/dev/null 2>&1 3>&- 6>&- 7>&- 8>&- 9>&- ||
            fail "PostgreSQL did not start: $(as_service tail -n 5 "$PG_DIR/server.log" 2>/dev/null)"
    fi
    found=$("$PG_BIN/psql" -XAtq -h "$SOCKET_DIR" -U pingji -d postgres -c "SELECT 1 FROM pg_database WHERE datname = 'pingji'")
    [ -n "$found" ] || "$PG_BIN/createdb" -h "$SOCKET_DIR" -U pingji pingji
    DATABASE_URL="postgis://pingji@/pingji?host=$SOCKET_DIR&port=5432"
    export DATABASE_URL
}

# A short note that lives and dies with the private database.
private_sql() { "$PG_BIN/psql" -XAtq -h "$SOCKET_DIR" -U pingji -d pingji -c "$1"; }
private_database_note() { private_sql "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'pingji'"; }
write_private_database_note() { private_sql "COMMENT ON DATABASE pingji IS '$1'"; }

redis_answers() { [ "$(redis_command PING)" = PONG ]; }
# redis-cli may be missing where only the server is; a few bytes on the socket are enough for PING and SHUTDOWN.
redis_command() {
    "$PYTHON" - "$SOCKET_DIR/redis.sock" "$1" <<'PY' 2>/dev/null || true
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(5)
    connection.connect(sys.argv[1])
    connection.sendall(sys.argv[2].encode() + b"\r\n")
    print(connection.recv(64).decode().strip().lstrip("+"))
PY
}

start_redis() {
    if [ -S "$SOCKET_DIR/redis.sock" ] && redis_answers; then
        :
    else
        redis=$(find_redis)
        [ -n "$redis" ] || fail "no redis-server found; run script/bootstrap, or set REDIS_URL"
        say "starting private Redis"
        rm -f "$SOCKET_DIR/redis.sock"
        as_service "$redis" --port 0 --unixsocket "$SOCKET_DIR/redis.sock" --unixsocketperm 700 --daemonize yes \
            --dir "$SOCKET_DIR" --pidfile "$SOCKET_DIR/redis.pid" --logfile "$SOCKET_DIR/redis.log" \
            --save '' --appendonly no </dev/null >/dev/null 2>&1 3>&- 6>&- 7>&- 8>&- 9>&- || fail "Redis did not start"
        tries=0
        until [ -S "$SOCKET_DIR/redis.sock" ] && redis_answers; do
            tries=$((tries + 1))
            [ "$tries" -lt 50 ] || fail "Redis did not start: $(tail -n 5 "$SOCKET_DIR/redis.log" 2>/dev/null)"
            sleep 0.1
        done
    fi
    # Tests take another database number, so that a running server's worker never picks up their tasks.
    REDIS_URL="unix://$SOCKET_DIR/redis.sock?db=${PINGJI_REDIS_DB:-0}"
    export REDIS_URL
}

# Every script that uses the private services holds a shared lock on var/run/lease; whoever can turn it into an exclusive
# one is the last. The kernel drops the lock of a killed script, so nothing has to be cleaned up by hand.
SERVICES_HELD=no
PRIVATE_POSTGRES=no
PRIVATE_REDIS=no
start_services() {
    prepare_machine_names
    if [ -n "$(setting DATABASE_URL)" ]; then
        DATABASE_URL=$(setting DATABASE_URL)
        export DATABASE_URL
        say "using the database that DATABASE_URL names"
    else
        PRIVATE_POSTGRES=yes
    fi
    if [ -n "$(setting REDIS_URL)" ]; then
        REDIS_URL=$(setting REDIS_URL)
        export REDIS_URL
        say "using the Redis that REDIS_URL names"
    else
        PRIVATE_REDIS=yes
    fi
    if [ "$PRIVATE_POSTGRES$PRIVATE_REDIS" = nono ]; then
        return
    fi
    make_private_dir "$SOCKET_DIR"
    exec 9>var/run/services.lock
    flock 9
    exec 8>var/run/lease
    flock -s 8
    SERVICES_HELD=yes
    if [ "$PRIVATE_POSTGRES" = yes ]; then start_postgres; fi
    if [ "$PRIVATE_REDIS" = yes ]; then start_redis; fi
    exec 9>&-
}

stop_services() {
    [ "$SERVICES_HELD" = yes ] || return 0
    SERVICES_HELD=no
    exec 9>var/run/services.lock
    flock 9
    if flock -n -x 8; then
        if [ -S "$SOCKET_DIR/redis.sock" ]; then
            say "stopping private Redis"
            redis_command 'SHUTDOWN NOSAVE' >/dev/null
        fi
        if [ -n "${PG_DIR-}" ] && as_service "$PG_BIN/pg_ctl" status --pgdata="$PG_DIR" >/dev/null 2>&1; then
            say "stopping private PostgreSQL"
            as_service "$PG_BIN/pg_ctl" stop --wait --silent --mode=fast --pgdata="$PG_DIR" >/dev/null 2>&1 ||
                say "PostgreSQL did not stop in time; see $PG_DIR/server.log"
        fi
    fi
    exec 8>&- 9>&-
}

# What Django needs and a fresh checkout does not have yet. A value in the environment or in .env wins.
export_django_settings() {
    export DJANGO_SETTINGS_MODULE=config.settings
    DEBUG=$(setting DEBUG 1)
    export DEBUG
    SECRET_KEY=$(setting SECRET_KEY)
    if [ -z "$SECRET_KEY" ]; then
        if [ ! -s var/secret_key ]; then
            (umask 077 && "$PYTHON" -c 'import secrets; print(secrets.token_urlsafe(50))' >var/secret_key)
        fi
        SECRET_KEY=$(cat var/secret_key)
    fi
    export SECRET_KEY
}
