// Owners of DuckDB's C handles, and its errors as ours. Only for this folder's .cc files.
#pragma once

#include <memory>
#include <string>
#include <type_traits>

#include "base/error.h"
#include "duckdb.h"

namespace trommel::query {

/// Calls `Destroy(&handle)` at its end.
template <class T, auto Destroy>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T handle) : handle_(handle) {}
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Handle() { reset(); }

  T get() const { return handle_; }
  T* out() {
    reset();
    return &handle_;
  }
  explicit operator bool() const { return handle_ != nullptr; }
  void reset() {
    if (handle_) Destroy(&handle_);
    handle_ = nullptr;
  }

 private:
  T handle_ = nullptr;
};

using ConnectionHandle = Handle<duckdb_connection, duckdb_disconnect>;
using PreparedHandle = Handle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using ExtractedHandle = Handle<duckdb_extracted_statements, duckdb_destroy_extracted>;
using ChunkHandle = Handle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using TypeHandle = Handle<duckdb_logical_type, duckdb_destroy_logical_type>;
using ValueHandle = Handle<duckdb_value, duckdb_destroy_value>;
using ErrorHandle = Handle<duckdb_error_data, duckdb_destroy_error_data>;
using ConfigHandle = Handle<duckdb_config, duckdb_destroy_config>;
using ArrowOptionsHandle = Handle<duckdb_arrow_options, duckdb_destroy_arrow_options>;
using ConvertedSchemaHandle = Handle<duckdb_arrow_converted_schema, duckdb_destroy_arrow_converted_schema>;
using TableFunctionHandle = Handle<duckdb_table_function, duckdb_destroy_table_function>;

class ResultHandle {
 public:
  ResultHandle() = default;
  ResultHandle(ResultHandle&& other) noexcept : result_(std::exchange(other.result_, duckdb_result{})) {}
  ResultHandle& operator=(ResultHandle&& other) noexcept {
    std::swap(result_, other.result_);
    return *this;
  }
  ~ResultHandle() { duckdb_destroy_result(&result_); }
  duckdb_result* get() { return &result_; }
  const duckdb_result& value() const { return result_; }

 private:
  duckdb_result result_{};
};

/// DuckDB's words as our error: the `... Error:` prefix and the quoted line of SQL taken off, one line, the domain from
/// the kind of error. `type` is DuckDB's own sorting; where the C API gives only a text (INVALID), its prefix decides.
Error from_duckdb(const char* message, duckdb_error_type type = DUCKDB_ERROR_INVALID);
Error from_result(duckdb_result* result);

/// Success, or the error in `data`.
Result<> check(const ErrorHandle& data);

}  // namespace trommel::query
