# A Debian with all that scripts/package needs. tests/package/run and scripts/package --in make it.
ARG SUITE
FROM debian:${SUITE}-slim
COPY scripts/dependencies scripts/terminal.sh /zebu/scripts/
RUN /zebu/scripts/dependencies package && apt-get -qq install -y --no-install-recommends ccache >/dev/null && rm -rf /zebu
WORKDIR /zebu
