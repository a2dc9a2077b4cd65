# One image for all of Zebu: the command says which program runs. Build it on the host's network where the package
# mirror is reachable from there only: docker build --network host --tag zebu .
FROM debian:trixie-slim AS build
WORKDIR /src
# Apart from the sources, so that a change of code does not install the compiler again.
COPY scripts/dependencies scripts/terminal.sh scripts/
RUN scripts/dependencies build
COPY . .
RUN ZEBU_NO_WERROR=1 scripts/build release zebu-broker zebu-consumer zebu-producer zebu-webfront
RUN cd build/release/bin && install --strip -D -t /out zebu-broker zebu-consumer zebu-producer zebu-webfront

FROM debian:trixie-slim
RUN apt-get -qq update \
  && apt-get -qq install -y --no-install-recommends libjemalloc2 libsodium23 libspdlog1.15 libsqlite3-0 libutf8proc3 libxxhash0 libzmq5 >/dev/null \
  && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log
COPY --from=build /out /usr/local/bin
# A library that is missing above shows here, not at the first start.
RUN zebu-broker --version && zebu-consumer --version && zebu-producer --version && zebu-webfront --version
# A volume that is mounted here gets this owner.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/zebu
USER 10001:10001
CMD ["zebu-broker"]
