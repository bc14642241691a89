#include "query/streams.h"

#include <algorithm>

#include "arrow/api.h"
#include "arrow/c/bridge.h"
#include "fmt/format.h"

namespace trommel::query {
namespace {

const auto chunk_rows = static_cast<int64_t>(duckdb_vector_size());
constexpr int64_t rows_worth_a_thread = 122880;  // a row group: what DuckDB itself gives a thread

Result<ConvertedSchemaHandle> convert_schema(duckdb_connection connection, const arrow::Schema& schema) {
  ArrowSchema exported{};
  if (const auto status = arrow::ExportSchema(schema, &exported); !status.ok())
    return tl::unexpected(from_arrow(status, "rows for DuckDB"));
  ConvertedSchemaHandle converted;
  const ErrorHandle error(duckdb_schema_from_arrow(connection, &exported, converted.out()));
  if (exported.release) exported.release(&exported);
  TRY(check(error));
  return converted;
}

Result<ChunkHandle> convert_rows(duckdb_connection connection, duckdb_arrow_converted_schema schema,
                                 const arrow::RecordBatch& rows) {
  ArrowArray exported{};
  if (const auto status = arrow::ExportRecordBatch(rows, &exported); !status.ok())
    return tl::unexpected(from_arrow(status, "rows for DuckDB"));
  ChunkHandle chunk;
  const ErrorHandle error(duckdb_data_chunk_from_arrow(connection, &exported, schema, chunk.out()));
  if (exported.release) exported.release(&exported);
  TRY(check(error));
  return chunk;
}

Schema chosen(const arrow::Schema& schema, const std::vector<int>& columns) {
  arrow::FieldVector fields;
  for (const int column : columns) fields.push_back(schema.field(column));
  return arrow::schema(std::move(fields));
}

struct Bound {
  Streams* streams;
  std::shared_ptr<Stream> stream;
};

/// One scan, shared by its threads.
struct Scan {
  std::mutex mutex;  ///< guards `next`
  NextRows next;
  std::vector<int> columns;    ///< of the stream
  std::vector<idx_t> outputs;  ///< the vector that each goes to
  Stream::Conversion conversion;
};

/// What one thread holds: DuckDB reads the last chunk's buffers until it asks for the next.
struct Reading {
  Rows rows;
  int64_t at = 0;
  ChunkHandle held;
};

template <class T>
void destroy(void* pointer) {
  delete static_cast<T*>(pointer);
}

void bind_stream(duckdb_bind_info info) {
  auto* streams = static_cast<Streams*>(duckdb_bind_get_extra_info(info));
  const ValueHandle id(duckdb_bind_get_parameter(info, 0));
  auto stream = streams->find(duckdb_get_int64(id.get()));
  if (!stream) return duckdb_bind_set_error(info, "these rows are no longer there");
  for (size_t i = 0; i < stream->types.size(); ++i) {
    duckdb_bind_add_result_column(info, stream->schema->field(static_cast<int>(i))->name().c_str(),
                                  stream->types[i].get());
  }
  if (stream->rows >= 0) duckdb_bind_set_cardinality(info, static_cast<idx_t>(stream->rows), false);
  duckdb_bind_set_bind_data(info, new Bound{streams, std::move(stream)}, destroy<Bound>);
}

void begin_scan(duckdb_init_info info) {
  auto* bound = static_cast<Bound*>(duckdb_init_get_bind_data(info));
  auto& stream = *bound->stream;
  const auto refuse = [&](Error error) {
    duckdb_init_set_error(info, error.text().c_str());
    stream.fail(std::move(error));
  };
  auto scan = std::make_unique<Scan>();
  auto next = stream.open();
  if (!next) return refuse(std::move(next).error());
  scan->next = std::move(*next);
  for (idx_t i = 0; i < duckdb_init_get_column_count(info); ++i) {
    const idx_t column = duckdb_init_get_column_index(info, i);
    if (column >= static_cast<idx_t>(stream.schema->num_fields())) continue;  // count(*) asks for a column that is none
    scan->columns.push_back(static_cast<int>(column));
    scan->outputs.push_back(i);
  }
  if (!scan->columns.empty()) {
    auto conversion = stream.conversion(bound->streams->connection(), scan->columns);
    if (!conversion) return refuse(std::move(conversion).error());
    scan->conversion = std::move(*conversion);
  }
  const bool small = stream.rows >= 0 && stream.rows <= rows_worth_a_thread;
  duckdb_init_set_max_threads(info, small ? 1 : static_cast<idx_t>(bound->streams->threads));
  duckdb_init_set_init_data(info, scan.release(), destroy<Scan>);
}

void begin_reading(duckdb_init_info info) { duckdb_init_set_init_data(info, new Reading, destroy<Reading>); }

/// Sees to it that `reading` stands at rows that were not handed over yet; false at the end.
Result<bool> advance(Scan& scan, Reading& reading) {
  while (!reading.rows || reading.at >= reading.rows->num_rows()) {
    Rows rows;
    {
      const std::lock_guard lock(scan.mutex);
      ASSIGN(rows, scan.next());
    }
    if (!rows) return false;
    auto picked = rows->SelectColumns(scan.columns);
    if (!picked.ok()) return tl::unexpected(from_arrow(picked.status(), "rows for DuckDB"));
    reading.rows = *picked;
    reading.at = 0;
  }
  return true;
}

Result<> hand_over(const Bound& bound, Scan& scan, Reading& reading, duckdb_data_chunk out) {
  ASSIGN(const bool more, advance(scan, reading));
  if (!more) {
    duckdb_data_chunk_set_size(out, 0);
    return {};
  }
  const auto count = std::min(chunk_rows, reading.rows->num_rows() - reading.at);
  if (!scan.columns.empty()) {
    ASSIGN(reading.held,
           convert_rows(bound.streams->connection(), scan.conversion->get(), *reading.rows->Slice(reading.at, count)));
    for (size_t i = 0; i < scan.outputs.size(); ++i) {
      duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(out, scan.outputs[i]),
                                     duckdb_data_chunk_get_vector(reading.held.get(), i));
    }
  }
  reading.at += count;
  duckdb_data_chunk_set_size(out, static_cast<idx_t>(count));
  return {};
}

void read_stream(duckdb_function_info info, duckdb_data_chunk out) {
  auto* bound = static_cast<Bound*>(duckdb_function_get_bind_data(info));
  auto* scan = static_cast<Scan*>(duckdb_function_get_init_data(info));
  auto* reading = static_cast<Reading*>(duckdb_function_get_local_init_data(info));
  reading->held.reset();
  if (auto done = hand_over(*bound, *scan, *reading, out); !done) {
    duckdb_function_set_error(info, done.error().text().c_str());
    bound->stream->fail(std::move(done).error());
  }
}

}  // namespace

void Stream::fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(error);
}

std::optional<Error> Stream::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

Result<Stream::Conversion> Stream::conversion(duckdb_connection connection, const std::vector<int>& columns) {
  const std::lock_guard lock(mutex_);
  auto& conversion = conversions_[columns];
  if (!conversion) {
    ASSIGN(auto made, convert_schema(connection, *chosen(*schema, columns)));
    conversion = std::make_shared<const ConvertedSchemaHandle>(std::move(made));
  }
  return conversion;
}

Result<> Streams::install(duckdb_database database) {
  if (duckdb_connect(database, connection_.out()) != DuckDBSuccess)
    return internal_error("DuckDB", "a new connection was refused");
  const TableFunctionHandle function(duckdb_create_table_function());
  duckdb_table_function_set_name(function.get(), std::string(stream_function).c_str());
  const TypeHandle parameter(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
  duckdb_table_function_add_parameter(function.get(), parameter.get());
  duckdb_table_function_set_extra_info(function.get(), this, nullptr);
  duckdb_table_function_set_bind(function.get(), bind_stream);
  duckdb_table_function_set_init(function.get(), begin_scan);
  duckdb_table_function_set_local_init(function.get(), begin_reading);
  duckdb_table_function_set_function(function.get(), read_stream);
  duckdb_table_function_supports_projection_pushdown(function.get(), true);
  if (duckdb_register_table_function(connection_.get(), function.get()) != DuckDBSuccess) {
    return internal_error("DuckDB", fmt::format("the table function {} was refused", stream_function));
  }
  return {};
}

Result<Streams::Added> Streams::add(const Schema& schema, OpenRows open, int64_t rows) {
  auto stream = std::make_shared<Stream>();
  stream->schema = schema;
  stream->open = std::move(open);
  stream->rows = rows;
  // The C API names no types of a converted schema: an empty chunk's vectors do.
  ASSIGN(const auto converted, convert_schema(connection_.get(), *schema));
  auto empty = arrow::RecordBatch::MakeEmpty(schema);
  if (!empty.ok()) return tl::unexpected(from_arrow(empty.status(), "rows for DuckDB"));
  ASSIGN(const auto chunk, convert_rows(connection_.get(), converted.get(), **empty));
  for (idx_t i = 0; i < duckdb_data_chunk_get_column_count(chunk.get()); ++i) {
    stream->types.emplace_back(duckdb_vector_get_column_type(duckdb_data_chunk_get_vector(chunk.get(), i)));
  }
  const std::lock_guard lock(mutex_);
  const int64_t id = next_++;
  streams_[id] = stream;
  return Added{id, std::move(stream)};
}

void Streams::remove(int64_t id) {
  const std::lock_guard lock(mutex_);
  streams_.erase(id);
}

std::shared_ptr<Stream> Streams::find(int64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second;
}

}  // namespace trommel::query
