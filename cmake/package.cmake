# The Debian packages that scripts/package makes from C++: zebu (the programs, their units, configuration), libzebu-dev.
option(ZEBU_PACKAGE "install units, configuration and documents too, and set up cpack" OFF)
if(NOT ZEBU_PACKAGE)
  return()
endif()

file(STRINGS /etc/os-release debian REGEX "^VERSION_ID=")
string(REGEX REPLACE "[^0-9]" "" debian "${debian}")
# A newer Debian's package replaces an older one's.
set(CPACK_DEBIAN_PACKAGE_RELEASE "1~deb${debian}")
set(CPACK_PACKAGE_NAME zebu)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Zebu authors <zebu@localhost>")
if(DEFINED ENV{DEBFULLNAME} AND DEFINED ENV{DEBEMAIL})
  set(CPACK_PACKAGE_CONTACT "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(folder ${CMAKE_CURRENT_BINARY_DIR}/packaging)

function(zebu_gzip source result)
  execute_process(COMMAND gzip -9nc ${source} OUTPUT_FILE ${result} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(ZEBU_DEB_VERSION ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
string(TIMESTAMP ZEBU_DEB_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)  # or what SOURCE_DATE_EPOCH says
configure_file(packaging/debian/changelog.in ${folder}/changelog @ONLY)
zebu_gzip(${folder}/changelog ${folder}/changelog.Debian.gz)
zebu_gzip(${CMAKE_CURRENT_SOURCE_DIR}/CHANGELOG.md ${folder}/changelog.gz)

foreach(package "zebu;runtime" "libzebu-dev;development")
  list(GET package 0 name)
  list(GET package 1 component)
  install(FILES packaging/debian/copyright ${folder}/changelog.Debian.gz ${folder}/changelog.gz
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} COMPONENT ${component})
endforeach()
file(GLOB documents docs/*.md)
install(DIRECTORY deploy/ DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/zebu/deploy COMPONENT runtime)
install(FILES ${documents} packaging/debian/README.Debian DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/zebu COMPONENT runtime)

foreach(program broker consumer webfront)
  set(unit ${folder}/zebu-${program}.service)
  set(BIN ${CMAKE_INSTALL_FULL_BINDIR})
  configure_file(packaging/systemd/zebu-${program}.service ${unit} @ONLY)
  install(FILES ${unit} DESTINATION lib/systemd/system COMPONENT runtime)
  install(FILES packaging/etc/${program}.toml DESTINATION /etc/zebu COMPONENT runtime)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_OUTPUT_FILE_PREFIX ${PROJECT_SOURCE_DIR}/build/packages)
set(CPACK_SET_DESTDIR ON)  # /etc is not below /usr
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME zebu)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION net)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS libzebu-dev)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has one of its own
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "job queue with a broker
A web server, a script or any program hands jobs to the broker; consumers on
one machine or many run them; the result comes back to the one that waits for
it. A durable job is on disk before it is acknowledged.

This package has the broker, a consumer, the HTTP front end and the command
line, with a systemd unit for each of the first three.")
foreach(file postinst prerm postrm conffiles)
  list(APPEND CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian/${file})
endforeach()

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libzebu-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libzmq3-dev, libmsgpack-cxx-dev, libboost-dev, libexpected-dev, libspdlog-dev, pkgconf | pkg-config")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS zebu)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "job queue with a broker: C++ library
Headers and static libraries for programs that submit jobs to Zebu and for
consumers of one's own, with their CMake package and pkg-config files.")
include(CPack)
