# A Sterna server with an embedded PostgreSQL, everything that it keeps in /var/lib/sterna. How to run it: docs/server.md
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
RUN pip install --no-cache-dir 'uv>=0.9,<1'
WORKDIR /src
# extras of pyproject.toml, separated by spaces; "server redis" leaves out PostgreSQL, for a database elsewhere
ARG EXTRAS="embedded redis"
ENV UV_PROJECT_ENVIRONMENT=/opt/sterna UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
# packages first: they change less often than the code
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-cache --no-dev --no-install-project $(printf -- '--extra %s ' ${EXTRAS})
COPY . .
RUN uv sync --frozen --no-cache --no-dev --no-editable $(printf -- '--extra %s ' ${EXTRAS})

FROM python:${PYTHON}-slim
# PostgreSQL does not run as root, and nothing else needs to
RUN groupadd --system --gid 10001 sterna \
    && useradd --system --uid 10001 --gid sterna --home-dir /var/lib/sterna --shell /usr/sbin/nologin sterna \
    && install -d -m 0700 -o sterna -g sterna /var/lib/sterna
COPY --from=build /opt/sterna /opt/sterna
ENV PATH=/opt/sterna/bin:$PATH \
    STERNA_DATA_DIR=/var/lib/sterna \
    STERNA_CONFIG_DIR=/var/lib/sterna/config \
    STERNA_SERVE_HOST=0.0.0.0 \
    STERNA_SERVE_PORT=8787
USER sterna
WORKDIR /var/lib/sterna
VOLUME /var/lib/sterna
EXPOSE 8787
# the first start creates the database; after a crash PostgreSQL may need minutes
HEALTHCHECK --interval=10s --timeout=5s --start-period=2m \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"STERNA_SERVE_PORT\"]}/readyz', timeout=4)"]
ENTRYPOINT ["sterna"]
CMD ["serve"]
