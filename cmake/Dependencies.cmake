# Third-party libraries. Arrow and DuckDB are prebuilt and fetched by scripts/fetch, pinned by checksum, into a cache
# outside the checkout; -DTROMMEL_ARROW_ROOT= and -DTROMMEL_DUCKDB_ROOT= name folders of the same layout to use instead.
# The rest are system packages (scripts/system_packages).

find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(GTest REQUIRED)
find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(BZip2 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3 REQUIRED)

# Sets `variable` to the folder of a fetched dependency.
function(trommel_fetch name variable)
  if(${variable})
    return()
  endif()
  execute_process(COMMAND ${Python3_EXECUTABLE} "${CMAKE_SOURCE_DIR}/scripts/fetch" ${name}
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "scripts/fetch ${name} failed")
  endif()
  set(${variable} "${folder}" PARENT_SCOPE)
endfunction()

# An imported shared library whose headers are system headers.
function(trommel_imported target library includes)
  if(NOT EXISTS "${library}")
    message(FATAL_ERROR "${library} is not there: remove its folder and configure again")
  endif()
  get_filename_component(soname "${library}" NAME)
  add_library(${target} SHARED IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION "${library}" IMPORTED_SONAME "${soname}"
    INTERFACE_INCLUDE_DIRECTORIES "${includes}" INTERFACE_LINK_LIBRARIES "${ARGN}")
  set_property(GLOBAL APPEND PROPERTY TROMMEL_SHARED_LIBRARIES "${library}")
endfunction()

trommel_fetch(arrow TROMMEL_ARROW_ROOT)
set(arrow_so 2600)
set(arrow_include "${TROMMEL_ARROW_ROOT}/include")
trommel_imported(deps_arrow_core "${TROMMEL_ARROW_ROOT}/libarrow.so.${arrow_so}" "${arrow_include}")
trommel_imported(deps_arrow_compute "${TROMMEL_ARROW_ROOT}/libarrow_compute.so.${arrow_so}" "${arrow_include}" deps_arrow_core)
trommel_imported(deps_parquet "${TROMMEL_ARROW_ROOT}/libparquet.so.${arrow_so}" "${arrow_include}" deps_arrow_core)
add_library(deps_arrow INTERFACE)
target_link_libraries(deps_arrow INTERFACE deps_parquet deps_arrow_compute deps_arrow_core)
add_library(deps::arrow ALIAS deps_arrow)

trommel_fetch(duckdb TROMMEL_DUCKDB_ROOT)
trommel_imported(deps_duckdb "${TROMMEL_DUCKDB_ROOT}/libduckdb.so" "${TROMMEL_DUCKDB_ROOT}/include")
add_library(deps::duckdb ALIAS deps_duckdb)

# Pages in the browser, which the binary carries.
trommel_fetch(web TROMMEL_WEB_ROOT)

foreach(pair hwy=libhwy simdjson=simdjson re2=re2 isal=libisal zstd=libzstd lzma=liblzma lz4=liblz4 xxhash=libxxhash
    curl=libcurl rdkafka=rdkafka snappy=snappy)
  string(REPLACE "=" ";" pair "${pair}")
  list(GET pair 0 name)
  list(GET pair 1 package)
  pkg_check_modules(${name} REQUIRED QUIET IMPORTED_TARGET GLOBAL ${package})
  add_library(deps::${name} ALIAS PkgConfig::${name})
endforeach()

find_library(TROMMEL_CCTZ cctz REQUIRED) # the package brings no description for pkg-config
add_library(deps_cctz INTERFACE)
target_link_libraries(deps_cctz INTERFACE "${TROMMEL_CCTZ}")
add_library(deps::cctz ALIAS deps_cctz)
