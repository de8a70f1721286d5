# One image for the API and the workers; compose.yaml says which one a container is.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/matcher
COPY constraints.txt ./
RUN /opt/matcher/bin/pip install --no-cache-dir -c constraints.txt pip
COPY pyproject.toml README.md LICENSE ./
COPY examples ./examples
COPY matcher ./matcher
RUN /opt/matcher/bin/pip install --no-cache-dir -c constraints.txt '.[service,engines]'
# The service is no part of the wheel: its two folders lie beside it.
COPY worker /opt/matcher/service/worker
COPY api /opt/matcher/service/api
# The first solve of a container should not spend its time limit on compiling.
ENV NUMBA_CACHE_DIR=/opt/matcher/numba
RUN /opt/matcher/bin/python -c "from matcher.engines.decomposition import compile_kernels; compile_kernels()"

FROM python:3.11-slim
RUN useradd --uid 10001 --home-dir /data --shell /usr/sbin/nologin matcher \
    && install --directory --owner matcher --group matcher --mode 0700 /data
COPY --from=build /opt/matcher /opt/matcher
# On another processor they are compiled anew, where the container may write.
RUN chown -R matcher:matcher /opt/matcher/numba
# Without REDIS_URL and DATABASE_URL the container is the whole service, with its store in /data. No
# VOLUME: whoever keeps a store there names one, and Compose would leave an empty one for each worker.
ENV PATH=/opt/matcher/bin:$PATH \
    PYTHONPATH=/opt/matcher/service \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MATCHER_DATA=/data \
    MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/opt/matcher/numba
WORKDIR /data
USER matcher
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["matcher", "serve", "--host", "0.0.0.0", "--port", "8000"]
