# Builds the tool, which includes the receiver, and installs it in a slim Debian image that runs as an unprivileged user.

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# The caches are not part of the image, so the program is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked --package eqp-cli \
    && install -D target/dist/eqp /out/eqp

FROM debian:bookworm-slim
# The health check uses openssl, so it is listed explicitly, although ca-certificates depends on it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates openssl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/eqp --no-create-home --shell /usr/sbin/nologin eqp \
    # The folder is created empty (no skeleton files): eqp refuses a data folder that contains unknown files.
    && install -d -o eqp -g eqp /var/lib/eqp
COPY --from=build /out/eqp /usr/local/bin/eqp
COPY docker/healthcheck /usr/local/bin/eqp-healthcheck
USER eqp
WORKDIR /var/lib/eqp
VOLUME /var/lib/eqp
ENV EQP_LISTEN=0.0.0.0:8443
EXPOSE 8443
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s CMD ["eqp-healthcheck"]
ENTRYPOINT ["eqp"]
CMD ["serve"]
