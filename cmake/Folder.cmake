# One folder of src is one library: trommel_folder(codecs/csv DEPS component LIBS deps::hwy)
#   every *.cc beside it    -> static library trommel_codecs_csv (an interface library while there is no .cc)
#   every *_test.cc         -> one test program tests/codecs_csv_test, one ctest entry
# A folder that is not there yet is only a name that others can link to.

set(TROMMEL_TEST_ENVIRONMENT
  "TROMMEL_SOURCE=${CMAKE_SOURCE_DIR}"
  "TSAN_OPTIONS=ignore_noninstrumented_modules=1 halt_on_error=1"
  "ASAN_OPTIONS=detect_stack_use_after_return=1"
  "UBSAN_OPTIONS=print_stacktrace=1")

function(trommel_folder name)
  cmake_parse_arguments(arg "" "" "DEPS;LIBS" ${ARGN})
  string(REPLACE "/" "_" flat "${name}")
  set(target trommel_${flat})
  set(folder "${CMAKE_SOURCE_DIR}/src/${name}")
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cc")
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")

  set(wanted TRUE)
  if(TROMMEL_ONLY AND NOT name IN_LIST TROMMEL_ONLY)
    set(wanted FALSE)
  endif()

  if(sources)
    add_library(${target} STATIC ${sources})
    set(reach PUBLIC)
    target_link_libraries(${target} PRIVATE ${arg_LIBS})
    if(NOT wanted)
      set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL TRUE)
    endif()
  else()
    add_library(${target} INTERFACE)
    set(reach INTERFACE)
  endif()
  target_include_directories(${target} ${reach} "${CMAKE_SOURCE_DIR}/src")
  target_link_libraries(${target} ${reach} deps::arrow fmt::fmt tl::expected deps::xxhash Threads::Threads)
  foreach(dependency IN LISTS arg_DEPS)
    string(REPLACE "/" "_" dependency "${dependency}")
    target_link_libraries(${target} ${reach} trommel_${dependency})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY TROMMEL_FOLDERS ${target})

  if(tests AND wanted)
    add_executable(${flat}_test ${tests})
    target_link_libraries(${flat}_test PRIVATE ${target} ${arg_LIBS} GTest::gmock GTest::gtest GTest::gtest_main rapidcheck)
    set_target_properties(${flat}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    add_test(NAME ${flat} COMMAND ${flat}_test --gtest_brief=1)
    set_tests_properties(${flat} PROPERTIES ENVIRONMENT "${TROMMEL_TEST_ENVIRONMENT}" TIMEOUT 600)
  endif()
endfunction()

# A source file of a folder takes in files of the folder that `root` names, at compile time.
function(trommel_embed name file root)
  file(GLOB embedded "${${root}}/*")
  set_source_files_properties("${CMAKE_SOURCE_DIR}/src/${name}/${file}" PROPERTIES
    COMPILE_DEFINITIONS "${root}=\"${${root}}\"" OBJECT_DEPENDS "${embedded}")
endfunction()

# The binary: src/main.cc, src/components.cc and every folder declared so far.
function(trommel_program)
  if(TROMMEL_ONLY)
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/*.cc")
  get_property(folders GLOBAL PROPERTY TROMMEL_FOLDERS)
  add_executable(trommel ${sources})
  target_compile_definitions(trommel PRIVATE TROMMEL_VERSION="${PROJECT_VERSION}")
  target_link_libraries(trommel PRIVATE ${folders})
  get_property(shared GLOBAL PROPERTY TROMMEL_SHARED_LIBRARIES)
  # Spelled out, because CMake pads the path of a binary that it will install with an empty entry, and the loader takes
  # that for the current folder.
  set(rpath "")
  foreach(library IN LISTS shared)
    cmake_path(GET library PARENT_PATH folder)
    list(APPEND rpath "${folder}")
  endforeach()
  list(REMOVE_DUPLICATES rpath)
  set_target_properties(trommel PROPERTIES BUILD_WITH_INSTALL_RPATH TRUE INSTALL_RPATH "${rpath}")
  list(JOIN rpath ":" rpath)
  # What libraries need in turn is looked for in the same folders: the newer kind of entry holds for the binary alone.
  target_link_options(trommel PRIVATE -Wl,--disable-new-dtags)
  install(TARGETS trommel RUNTIME DESTINATION bin)
  install(FILES ${shared} DESTINATION lib/trommel)
  install(CODE "file(RPATH_CHANGE FILE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/bin/trommel\"
    OLD_RPATH \"${rpath}\" NEW_RPATH \"\\$ORIGIN/../lib/trommel\")")
endfunction()
