# Two stages: wheels are made where there is a compiler, the image that runs has none.
FROM python:3.13-slim AS build
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/trafficcop
COPY constraints.txt pyproject.toml setup.py README.md LICENSE ./
COPY trafficcop trafficcop
# TRAFFICCOP_COMPILE=1 compiles the hot modules with mypyc; an empty value keeps plain Python.
ARG TRAFFICCOP_COMPILE=1
ENV TRAFFICCOP_COMPILE=$TRAFFICCOP_COMPILE
# mypyc judges the types first, and so needs to see what is imported: the plain package brings it.
RUN python -m venv /opt/build \
    && TRAFFICCOP_COMPILE= /opt/build/bin/pip install --no-cache-dir -c constraints.txt setuptools mypy types-PyYAML . \
    && /opt/build/bin/pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheels . \
    && /opt/trafficcop/bin/pip install --no-cache-dir -c constraints.txt /wheels/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 1000 --create-home trafficcop && install -d -o trafficcop /etc/traefik
COPY --from=build /opt/trafficcop /opt/trafficcop
ENV PATH=/opt/trafficcop/bin:$PATH
USER trafficcop
WORKDIR /home/trafficcop
# Traefik's place: a traefik.yml there is found without a flag.
VOLUME /etc/traefik
EXPOSE 80 443 8080
# `ping: {}` must be on; without it set --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["trafficcop", "healthcheck", "--ping"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["trafficcop"]
