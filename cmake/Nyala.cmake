# How nyala's libraries and tools are made.
#
# nyala_add_library(NAME SOURCES... [LINK libs...])       plain C++: no LLVM
# nyala_add_mlir_library(NAME SOURCES... [LINK libs...])  links libMLIR.so and libLLVM.so, nothing
#                                                         of LLVM statically (static archives beside
#                                                         the shared library would duplicate TypeIDs)

add_compile_options(-Wall -Wextra -Wno-unused-parameter)
find_package(Threads REQUIRED)

# With NYALA_SANITIZE (what -fsanitize takes), everything links the sanitizers' runtimes and plain C++
# is instrumented. Code that includes LLVM's headers is not: they poison memory of allocators that
# live in the uninstrumented libLLVM.so. The fuzzer's main function is linked by test/fuzz alone.
if(NYALA_SANITIZE)
  string(REPLACE "fuzzer" "fuzzer-no-link" nyala_sanitizers "${NYALA_SANITIZE}")
  add_link_options(-fsanitize=${nyala_sanitizers})
endif()
function(nyala_sanitize target)
  if(NYALA_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${nyala_sanitizers}
                           -fno-sanitize-recover=all -fno-omit-frame-pointer)
  endif()
endfunction()

# The part that both kinds of libraries share.
function(nyala_make_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

function(nyala_add_library name)
  nyala_make_library(${name} ${ARGN})
  nyala_sanitize(${name})
endfunction()

if(NOT NYALA_RUNTIME_ONLY)
  find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
  if(NOT LLVM_VERSION_MAJOR EQUAL 22)
    message(FATAL_ERROR "nyala needs LLVM/MLIR 22, found ${LLVM_VERSION} in ${LLVM_DIR}")
  endif()
  list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
  include(TableGen)
  include(AddLLVM)
  include(AddMLIR)

  add_library(nyala_llvm INTERFACE)
  target_include_directories(nyala_llvm SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS})
  separate_arguments(NYALA_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
  target_compile_options(nyala_llvm INTERFACE ${NYALA_LLVM_DEFINITIONS} -Wno-unused-parameter)
  target_link_libraries(nyala_llvm INTERFACE LLVM)

  add_library(nyala_mlir INTERFACE)
  target_include_directories(nyala_mlir SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS})
  target_link_libraries(nyala_mlir INTERFACE MLIR nyala_llvm)

  # MLIR's headers are parsed once: they take half of the time of compiling a file. A source still
  # includes what it uses; builds without this option find what is missing.
  option(NYALA_PRECOMPILED_HEADERS "Precompile headers of MLIR" ON)
  if(NYALA_PRECOMPILED_HEADERS)
    add_library(nyala_mlir_headers OBJECT ${PROJECT_SOURCE_DIR}/cmake/MlirHeaders.cpp)
    target_link_libraries(nyala_mlir_headers PUBLIC nyala_mlir)
    target_precompile_headers(nyala_mlir_headers PRIVATE ${PROJECT_SOURCE_DIR}/cmake/MlirHeaders.h)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      # Times of headers would make each build's file another one to ccache.
      add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
    endif()
  endif()
endif()

# For a target of several sources that include MLIR's headers.
function(nyala_reuse_mlir_headers target)
  if(NYALA_PRECOMPILED_HEADERS)
    target_precompile_headers(${target} REUSE_FROM nyala_mlir_headers)
    # -fPIC: executables get -fPIE, for which clang refuses headers precompiled for libraries.
    # libstdc++ uses what it deprecates (in stable_sort); its pragmas that keep clang from warning
    # do not reach those who include it precompiled.
    target_compile_options(${target} PRIVATE -fPIC -Wno-deprecated-declarations)
  endif()
endfunction()

function(nyala_add_mlir_library name)
  nyala_make_library(${name} ${ARGN})
  target_link_libraries(${name} PUBLIC nyala_mlir)
  nyala_reuse_mlir_headers(${name})
  # Generated headers of the dialect come first.
  add_dependencies(${name} nyala_ir_tablegen)
endfunction()
