# The Debian package; scripts/package makes it. What dpkg is told stands in this folder.
set(FOLDER ${CMAKE_CURRENT_SOURCE_DIR}/config/debian)
set(PACKAGE ${CMAKE_CURRENT_BINARY_DIR}/package)

# What is made from the program and from the sources: manual page, configuration, changelog.
file(MAKE_DIRECTORY ${PACKAGE})
string(TIMESTAMP NOW "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${PACKAGE}/changelog "accrued (${PROJECT_VERSION}) unstable; urgency=medium

  * See CHANGELOG.md.

 -- accrued maintainers <maintainers@accrued.invalid>  ${NOW}
")
add_custom_command(OUTPUT ${PACKAGE}/accrued.1.gz
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/scripts/manual $<TARGET_FILE:accrued> > ${PACKAGE}/accrued.1
  COMMAND gzip -9nf ${PACKAGE}/accrued.1
  DEPENDS accrued scripts/manual VERBATIM)
add_custom_command(OUTPUT ${PACKAGE}/accrued.yaml ${PACKAGE}/changelog.gz
  COMMAND awk -f ${FOLDER}/config.awk ${CMAKE_CURRENT_SOURCE_DIR}/config/accrued.yaml
          > ${PACKAGE}/accrued.yaml
  COMMAND gzip -9nkf ${PACKAGE}/changelog
  DEPENDS config/accrued.yaml ${FOLDER}/config.awk ${PACKAGE}/changelog VERBATIM)
add_custom_target(package_files DEPENDS ${PACKAGE}/accrued.1.gz ${PACKAGE}/accrued.yaml
  ${PACKAGE}/changelog.gz)

install(FILES ${PACKAGE}/accrued.yaml config/programs.yaml config/catalog.yaml
  DESTINATION /etc/accrued COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES config/accrued.service config/accrued-balances.service
  DESTINATION /lib/systemd/system
  COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES ${PACKAGE}/accrued.1.gz DESTINATION share/man/man1
  COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES config/accrued.bash-completion DESTINATION share/bash-completion/completions
  RENAME accrued COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES ${PACKAGE}/changelog.gz ${FOLDER}/copyright README.md CHANGELOG.md
  DESTINATION share/doc/accrued COMPONENT debian EXCLUDE_FROM_ALL)
install(DIRECTORY docs config/prometheus config/grafana DESTINATION share/doc/accrued
  COMPONENT debian EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME accrued)
set(CPACK_PACKAGE_CONTACT "accrued maintainers <maintainers@accrued.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "incentive accruals from a Kafka stream of billing lines")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "A Kafka worker for cloud distributors: it reads billing lines, looks up who is
eligible and who holds a partner-of-record link, computes what each partner
earns under each incentive program, and publishes the differences exactly once.")
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL program debian)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${FOLDER}/conffiles ${FOLDER}/postinst ${FOLDER}/prerm
  ${FOLDER}/postrm)
include(CPack)
