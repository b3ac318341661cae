# recall and Airflow in one image: the scheduler runs the same package that the command line is.
# Another base image (with Python 3.11 to 3.13 and pip): docker build --build-arg BASE_IMAGE=registry.example/python:3.11 .
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm
FROM ${BASE_IMAGE}

ARG UV_VERSION=0.13.9
ENV PYTHONUNBUFFERED=1 \
    UV_SYSTEM_CERTS=1 \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    PATH=/opt/recall/.venv/bin:$PATH \
    RECALL_HOME=/var/lib/recall

RUN python3 -m pip install --no-cache-dir --quiet uv==${UV_VERSION} \
    && useradd --create-home --uid 1000 recall \
    && install -d -o recall -g recall /opt/recall /var/lib/recall /srv/workspace /var/mail/recall

USER recall
WORKDIR /opt/recall

# The packages change seldom and the code often, so each has a layer of its own.
COPY --chown=recall:recall pyproject.toml uv.lock README.md ./
RUN uv sync --locked --no-dev --no-install-project --quiet
COPY --chown=recall:recall . .
RUN uv sync --locked --no-dev --quiet

ENTRYPOINT ["docker/recall/entrypoint"]
CMD ["recall", "--help"]
