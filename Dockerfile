# accrued in two stages: built with what scripts/setup installs, shipped with the libraries only.
#   docker build -t accrued .
#   docker run --rm accrued --help
# It runs as a user of its own and writes nothing but the ledger's local files:
#   docker run --read-only --cap-drop=ALL --security-opt=no-new-privileges \
#     -v accrued-state:/var/lib/accrued -v ./accrued.yaml:/etc/accrued/accrued.yaml:ro accrued
FROM debian:bookworm-20250520-slim AS build
WORKDIR /src
COPY scripts/setup scripts/setup
RUN scripts/setup
COPY CMakeLists.txt ./
COPY include include
COPY src src
COPY schemas schemas
COPY config config
RUN cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
      -DCMAKE_C_FLAGS="-D_FORTIFY_SOURCE=2 -fstack-protector-strong" \
      -DCMAKE_EXE_LINKER_FLAGS="-Wl,-z,relro -Wl,-z,now" \
 && cmake --build build \
 && cmake --install build --prefix /usr/local --strip

FROM debian:bookworm-20250520-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates libavro23 libcsv3 libcurl4 libhiredis0.14 libmicrohttpd12 librdkafka1 libsmartcols1 \
      libyajl2 libyaml-0-2 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin accrued \
 && install -d -o accrued -g accrued -m 700 /var/lib/accrued
COPY --from=build /usr/local/bin/accrued /usr/local/bin/accrued
COPY --from=build /usr/local/share/accrued /usr/local/share/accrued
COPY config/accrued.yaml config/programs.yaml config/catalog.yaml /etc/accrued/
ENV ACCRUED_CONFIG=/etc/accrued/accrued.yaml \
    ACCRUED_SCHEMAS_DIRECTORY=/usr/local/share/accrued/schemas \
    ACCRUED_LEDGER_DIRECTORY=/var/lib/accrued
VOLUME /var/lib/accrued
USER accrued
EXPOSE 9464
# Ready: every lane owns its partitions' ledgers. Off where http.listen is empty.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9464 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["accrued"]
CMD ["run"]
