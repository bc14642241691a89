#include "codecs/parquet/row_groups.h"

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "batch/arrow_io.h"

namespace trommel {
namespace {

/// Column chunks are read through buffers of this size instead of whole, so that memory does not grow with the row
/// group.
constexpr int64_t chunk_buffer_bytes = 512 << 10;

parquet::ReaderProperties reader_properties() {
  parquet::ReaderProperties properties;
  properties.enable_buffered_stream();
  properties.set_buffer_size(chunk_buffer_bytes);
  properties.set_page_checksum_verification(true);
  return properties;
}

parquet::ArrowReaderProperties arrow_properties(int64_t rows_a_read) {
  parquet::ArrowReaderProperties properties(true);
  properties.set_pre_buffer(false);
  properties.set_batch_size(rows_a_read);
  properties.set_arrow_extensions_enabled(true);  // uuid
  properties.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);
  return properties;
}

tl::unexpected<Error> damaged(const std::string& name, const std::string& how) {
  return external_error(name, "damaged Parquet file: " + how);
}

void collect_leaves(const parquet::arrow::SchemaField& field, std::vector<int>& leaves) {
  if (field.is_leaf()) leaves.push_back(field.column_index);
  for (const auto& child : field.children) collect_leaves(child, leaves);
}

/// Looks at the magic numbers alone, so that what is wrong can be said in plain words.
Result<> check_ends(const std::string& name, const RandomFile& file) {
  uint8_t ends[8] = {};
  if (file.size() >= 12) {
    ASSIGN([[maybe_unused]] const size_t head, file.read_at(0, {ends, 4}));
    ASSIGN([[maybe_unused]] const size_t tail, file.read_at(file.size() - 4, {ends + 4, 4}));
  }
  const auto is = [](const uint8_t* at, const char* magic) { return std::memcmp(at, magic, 4) == 0; };
  if (is(ends, "PARE") || (is(ends, "PAR1") && is(ends + 4, "PARE"))) {
    return config_error(name, "this Parquet file is encrypted", "decrypt it first");
  }
  if (!is(ends, "PAR1")) return external_error(name, fmt::format("not a Parquet file: {} bytes", file.size()));
  if (!is(ends + 4, "PAR1")) {
    return external_error(name, fmt::format("this Parquet file is cut short: no footer at byte {}", file.size()),
                          "its writer did not finish, or it was copied in part");
  }
  return {};
}

Result<std::shared_ptr<const ParquetFooter>> read_metadata(const std::string& name,
                                                           const std::shared_ptr<RandomFile>& file) {
  parquet::arrow::FileReaderBuilder builder;
  if (auto opened = builder.Open(arrow_input(file), reader_properties()); !opened.ok())
    return damaged(name, opened.message());
  auto footer = std::make_shared<ParquetFooter>();
  footer->name = name;
  footer->metadata = builder.raw_reader()->metadata();
  if (footer->metadata->is_encryption_algorithm_set()) {
    return config_error(name, "this Parquet file has encrypted columns", "decrypt it first");
  }
  std::unique_ptr<parquet::arrow::FileReader> reader;
  if (auto built = builder.properties(arrow_properties(1024))->Build(&reader); !built.ok())
    return damaged(name, built.message());
  if (auto got = reader->GetSchema(&footer->schema); !got.ok()) return damaged(name, got.message());
  for (const auto& field : reader->manifest().schema_fields) collect_leaves(field, footer->leaves.emplace_back());
  footer->group_starts.push_back(0);
  for (int i = 0; i < footer->metadata->num_row_groups(); ++i) {
    footer->group_starts.push_back(footer->group_starts.back() + footer->metadata->RowGroup(i)->num_rows());
  }
  if (footer->rows() != footer->metadata->num_rows()) {
    return damaged(
        name, fmt::format("{} rows in its row groups, {} in its footer", footer->rows(), footer->metadata->num_rows()));
  }
  return footer;
}

}  // namespace

Result<std::shared_ptr<const ParquetFooter>> read_footer(const std::string& name,
                                                         const std::shared_ptr<RandomFile>& file) {
  TRY(check_ends(name, *file));
  try {
    return read_metadata(name, file);
  } catch (const std::exception& problem) {
    return damaged(name, problem.what());
  }
}

size_t ParquetFooter::group_of(int64_t row) const {
  return static_cast<size_t>(std::upper_bound(group_starts.begin(), group_starts.end() - 1, row) -
                             group_starts.begin()) -
         1;
}

int64_t ParquetFooter::row_bytes(size_t group) const {
  const int64_t rows = std::max<int64_t>(group_starts[group + 1] - group_starts[group], 1);
  const int64_t encoded = metadata->RowGroup(static_cast<int>(group))->total_byte_size() / rows;
  int64_t least = 0;  // dictionaries and deltas take far fewer bytes than the values they stand for
  for (const auto& field : schema->fields()) least += std::max(field->type()->byte_width(), 8);
  return std::max<int64_t>({encoded, least, 1});
}

struct RowGroupScan::Cursor {
  size_t group = 0;
  int64_t at = 0;     ///< next row that it would read
  int64_t until = 0;  ///< while busy: where it will stand afterwards
  bool busy = false;
  std::unique_ptr<parquet::arrow::FileReader> file;
  std::unique_ptr<arrow::RecordBatchReader> batches;
  Rows rest;  ///< read, and not asked for yet
};

class RowGroupScan::Cursors {
 public:
  /// The best cursor to read from there, marked busy; null: a new one has to be opened (and is then given to `add`).
  Cursor* take(size_t group, int64_t from, int64_t to) {
    std::unique_lock lock(mutex_);
    while (true) {
      Cursor* best = nullptr;
      bool worth_waiting = false;
      for (const auto& cursor : cursors_) {
        if (cursor->group != group) continue;
        if (cursor->busy) {
          worth_waiting |= cursor->until <= from;
        } else if (cursor->at <= from && (best == nullptr || cursor->at > best->at)) {
          best = cursor.get();
        }
      }
      if (best != nullptr && (best->at == from || !worth_waiting)) {
        best->busy = true;
        best->until = to;
        return best;
      }
      if (!worth_waiting) return nullptr;
      freed_.wait(lock);
    }
  }

  Cursor* add(std::unique_ptr<Cursor> cursor) {
    std::lock_guard lock(mutex_);
    cursors_.push_back(std::move(cursor));
    return cursors_.back().get();
  }

  /// Kept for the stretch that follows, unless its row group ended or it failed.
  void give_back(Cursor* cursor, bool keep) {
    std::lock_guard lock(mutex_);
    cursor->busy = false;
    const auto place =
        std::find_if(cursors_.begin(), cursors_.end(), [&](const auto& held) { return held.get() == cursor; });
    if (!keep) cursors_.erase(place);
    auto idle = std::count_if(cursors_.begin(), cursors_.end(), [](const auto& held) { return !held->busy; });
    for (auto oldest = cursors_.begin(); idle > idle_max && oldest != cursors_.end();) {
      if ((*oldest)->busy) {
        ++oldest;
      } else {
        oldest = cursors_.erase(oldest);
        --idle;
      }
    }
    freed_.notify_all();
  }

 private:
  static constexpr int64_t idle_max = 2;  ///< each holds its columns' buffers and dictionaries
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Cursor>> cursors_;
};

RowGroupScan::RowGroupScan(std::shared_ptr<const ParquetFooter> footer, std::shared_ptr<RandomFile> file,
                           std::vector<int> columns, int64_t rows_a_read)
    : footer_(std::move(footer)),
      file_(std::move(file)),
      columns_(std::move(columns)),
      rows_a_read_(rows_a_read),
      cursors_(std::make_unique<Cursors>()) {}

RowGroupScan::~RowGroupScan() = default;

Result<std::unique_ptr<RowGroupScan::Cursor>> RowGroupScan::open(size_t group) const {
  auto cursor = std::make_unique<Cursor>();
  cursor->group = group;
  cursor->at = footer_->group_starts[group];
  parquet::arrow::FileReaderBuilder builder;
  if (auto opened = builder.Open(arrow_input(file_), reader_properties(), footer_->metadata); !opened.ok()) {
    return damaged(footer_->name, opened.message());
  }
  if (auto built = builder.properties(arrow_properties(rows_a_read_))->Build(&cursor->file); !built.ok()) {
    return damaged(footer_->name, built.message());
  }
  std::vector<int> leaves;
  for (const int column : columns_) {
    const auto& of_column = footer_->leaves[static_cast<size_t>(column)];
    leaves.insert(leaves.end(), of_column.begin(), of_column.end());
  }
  auto batches = cursor->file->GetRecordBatchReader({static_cast<int>(group)}, leaves);
  if (!batches.ok()) return damaged(footer_->name, batches.status().message());
  cursor->batches = std::move(*batches);
  return cursor;
}

Result<Rows> RowGroupScan::read_with(Cursor& cursor, int64_t from, int64_t to) const {
  std::vector<Rows> parts;
  while (cursor.at < to) {
    if (!cursor.rest || cursor.rest->num_rows() == 0) {
      if (auto next = cursor.batches->ReadNext(&cursor.rest); !next.ok()) {
        return damaged(footer_->name, fmt::format("row group {}: {}", cursor.group, next.message()));
      }
      if (!cursor.rest) {
        return damaged(footer_->name, fmt::format("row group {} ends before row {}", cursor.group, cursor.at));
      }
    }
    const int64_t wanted = (cursor.at < from ? from : to) - cursor.at;
    const int64_t taken = std::min(wanted, cursor.rest->num_rows());
    if (cursor.at >= from) parts.push_back(cursor.rest->Slice(0, taken));
    cursor.rest = cursor.rest->Slice(taken);
    cursor.at += taken;
  }
  if (parts.size() == 1) return parts.front();
  auto whole = arrow::ConcatenateRecordBatches(parts, arrow::default_memory_pool());
  if (!whole.ok()) return tl::unexpected(from_arrow(whole.status(), footer_->name));
  return *whole;
}

Result<Rows> RowGroupScan::read(int64_t from, int64_t to) {
  const size_t group = footer_->group_of(from);
  TROMMEL_CHECK(from < to && to <= footer_->group_starts[group + 1], fmt::format("rows {} to {}", from, to));
  Cursor* cursor = cursors_->take(group, from, to);
  if (cursor == nullptr) {
    ASSIGN(auto opened, open(group));
    opened->busy = true;
    opened->until = to;
    cursor = cursors_->add(std::move(opened));
  }
  Result<Rows> rows = internal_error(footer_->name, "not read");
  try {
    rows = read_with(*cursor, from, to);
  } catch (const std::exception& problem) {
    rows = damaged(footer_->name, problem.what());
  }
  cursors_->give_back(cursor, rows && cursor->at < footer_->group_starts[group + 1]);
  return rows;
}

}  // namespace trommel
