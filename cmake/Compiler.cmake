# Compiler settings that hold for every target.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# -g1 keeps functions and lines for stack traces at a fifth of full debug information.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Werror)
# No path of the machine ends up in the binary, and checkouts share the compiler cache.
add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  # These guess from inlined code, and guess wrong inside libstdc++'s own headers (GCC bugs 105651, 105562, 107852); the
  # sanitizers and clang-tidy look for the same mistakes without guessing.
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()

if(TROMMEL_SANITIZE)
  add_compile_options("-fsanitize=${TROMMEL_SANITIZE}" -fno-omit-frame-pointer -fno-sanitize-recover=all -O1)
  add_link_options("-fsanitize=${TROMMEL_SANITIZE}")
  if(TROMMEL_SANITIZE MATCHES "thread")
    add_compile_options(-Wno-tsan)
  endif()
endif()

find_program(TROMMEL_CCACHE ccache)
if(TROMMEL_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${TROMMEL_CCACHE}")
endif()

find_program(TROMMEL_MOLD mold)
find_program(TROMMEL_LLD ld.lld)
if(TROMMEL_MOLD)
  add_link_options(-fuse-ld=mold)
elseif(TROMMEL_LLD)
  add_link_options(-fuse-ld=lld)
endif()
