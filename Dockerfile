# One image for web, worker and beat. The same script/bootstrap that sets up a bare machine sets up the image; PostGIS and
# Redis are other containers, so their packages are not installed here.
FROM debian:bookworm-slim

ENV DATABASE_URL=postgis://pingji:pingji@db:5432/pingji \
    REDIS_URL=redis://redis:6379/0 \
    PATH=/srv/pingji/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONUTF8=1 \
    DJANGO_SETTINGS_MODULE=config.settings
WORKDIR /srv/pingji

# Packages first: this layer stays while only the source changes.
COPY script/bootstrap script/lib.sh script/
COPY requirements requirements
COPY package.json package-lock.json .npmrc ./
RUN script/bootstrap --packages && rm -rf /var/lib/apt/lists/* /root/.cache /root/.npm

COPY . .
RUN script/bootstrap \
    && DEBUG=0 SECRET_KEY=only-for-collecting-files python manage.py collectstatic --no-input --verbosity 0 \
    && useradd --system --home-dir /srv/pingji/var pingji \
    && mkdir -p var static_collected \
    && chown -R pingji var
USER pingji
VOLUME /srv/pingji/var
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", "--timeout", "120", "--access-logfile", "-"]
