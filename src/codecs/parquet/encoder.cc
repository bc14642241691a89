#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <arrow/memory_pool.h>
#include <arrow/util/compression.h>
#include <fmt/format.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>

#include <algorithm>

#include "batch/arrow_io.h"
#include "batch/gather.h"
#include "batch/memory.h"
#include "codecs/parquet/encodings.h"
#include "codecs/parquet/parquet.h"

namespace trommel {

enum class ParquetCompression { zstd, snappy, gzip, lz4, none };
template <>
struct EnumNames<ParquetCompression> {
  static constexpr EnumName<ParquetCompression> list[] = {{"zstd", ParquetCompression::zstd},
                                                          {"snappy", ParquetCompression::snappy},
                                                          {"gzip", ParquetCompression::gzip},
                                                          {"lz4", ParquetCompression::lz4},
                                                          {"none", ParquetCompression::none}};
};

enum class ParquetEncodings { smallest, plain };
template <>
struct EnumNames<ParquetEncodings> {
  static constexpr EnumName<ParquetEncodings> list[] = {{"smallest", ParquetEncodings::smallest},
                                                        {"plain", ParquetEncodings::plain}};
};

namespace {

struct ParquetConfig {
  std::optional<ParquetCompression> compression;
  std::optional<int64_t> compression_level;
  int64_t row_group_rows = 512 * 1024;
  ByteSize row_group_bytes{128 << 20};
  ParquetEncodings encodings = ParquetEncodings::smallest;

  ParquetCompression chosen() const { return compression.value_or(ParquetCompression::zstd); }
  arrow::Compression::type codec() const {
    switch (chosen()) {
      case ParquetCompression::zstd:
        return arrow::Compression::ZSTD;
      case ParquetCompression::snappy:
        return arrow::Compression::SNAPPY;
      case ParquetCompression::gzip:
        return arrow::Compression::GZIP;
      case ParquetCompression::lz4:
        return arrow::Compression::LZ4;
      case ParquetCompression::none:
        return arrow::Compression::UNCOMPRESSED;
    }
    return arrow::Compression::UNCOMPRESSED;
  }
  std::optional<int> level() const {
    if (compression_level) return static_cast<int>(*compression_level);
    return chosen() == ParquetCompression::zstd ? std::optional(3) : std::nullopt;
  }

  static const Spec<ParquetConfig>& spec();
};

void check_level(const ParquetConfig& config, const Node& node, Problems& problems) {
  if (!config.compression_level) return;
  const Node* level = node.find("compression_level");
  const Place& place = level ? level->place : node.place;
  const bool zstd = config.chosen() == ParquetCompression::zstd;
  if (!zstd && config.chosen() != ParquetCompression::gzip) {
    problems.add(place, "compression_level is for zstd and gzip only");
  } else if (const int64_t most = zstd ? 22 : 9; *config.compression_level < 1 || *config.compression_level > most) {
    problems.add(place, fmt::format("compression_level is out of range: {}", *config.compression_level),
                 fmt::format("1 to {}", most));
  }
}

void check_row_groups(const ParquetConfig& config, const Node& node, Problems& problems) {
  const auto place = [&](const char* name) { return node.find(name) ? node.find(name)->place : node.place; };
  if (config.row_group_rows < 1) problems.add(place("row_group_rows"), "row_group_rows must be at least 1");
  if (config.row_group_bytes.bytes < 1) problems.add(place("row_group_bytes"), "row_group_bytes must be at least 1");
}

const Spec<ParquetConfig>& ParquetConfig::spec() {
  static const auto spec =
      Spec<ParquetConfig>("parquet", "Apache Parquet: columns, compressed, with their types")
          .field("compression", &ParquetConfig::compression,
                 "how pages are compressed; left out, zstd, but for columns of a few kilobytes, which it makes no "
                 "smaller")
          .field("compression_level", &ParquetConfig::compression_level,
                 "higher is smaller and slower; zstd without it: 3", {.example = "9"})
          .field("row_group_rows", &ParquetConfig::row_group_rows, "rows in a row group at most")
          .field(
              "row_group_bytes", &ParquetConfig::row_group_bytes,
              "bytes that a row group may take in memory while it is written; never more than the run's memory allows")
          .field("encodings", &ParquetConfig::encodings,
                 "smallest tries the encodings on each column's first rows; plain uses only dictionaries and plain "
                 "values, "
                 "for readers that know no others")
          .check(check_level)
          .check(check_row_groups);
  return spec;
}

/// Rows are handed to the column writers in pieces of about this size: large enough to keep two threads busy on
/// different columns, small enough to stay in the processor's cache.
constexpr int64_t piece_rows = 32 * 1024;
constexpr int64_t piece_bytes_max = 16 << 20;

/// A file with so few rows has one page a column. Columns of so few bytes come out no smaller packed, and setting the
/// codec up costs more than all the rest of writing them (docs/decisions/0046).
constexpr int64_t small_file_rows = 4096;
constexpr int64_t small_column_bytes = 16 << 10;

/// Arrow writes a page in many small pieces.
constexpr size_t write_buffer_bytes = 64 << 10;

/// Whether Parquet's own types say all there is to know, so that Arrow's schema need not stand beside them.
bool says_itself(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::DATE32:
      return true;
    default:
      return false;
  }
}

bool says_itself(const arrow::Schema& schema) {
  return !schema.HasMetadata() && std::ranges::all_of(schema.fields(), [](const auto& field) {
    return !field->HasMetadata() && says_itself(*field->type());
  });
}

class ParquetEncoder : public Encoder {
 public:
  ParquetEncoder(OutputStream& out, Schema schema, ParquetConfig config, int threads, int64_t memory)
      : out_(arrow_output(out, write_buffer_bytes)),
        schema_(std::move(schema)),
        config_(config),
        threads_(threads),
        bytes_max_(std::min(config.row_group_bytes.bytes, std::max<int64_t>(memory * 3 / 4, 1))),
        piece_bytes_(std::clamp<int64_t>(memory / 8, 64 << 10, piece_bytes_max)),
        pool_(arrow::default_memory_pool()) {}

  ~ParquetEncoder() override { abandon(); }

  Result<> write(const arrow::RecordBatch& rows) override {
    TRY(pending_.add(arrow::RecordBatch::Make(schema_, rows.num_rows(), rows.columns())));
    return pending_.rows() >= piece_rows || pending_.bytes() >= piece_bytes_ ? flush() : Result<>{};
  }

  Result<> finish() override {
    ending_ = true;
    TRY(flush());
    if (!writer_) TRY(open(nullptr));
    TRY(done(writer_->Close()));
    TRY(done(out_->Flush()));
    rows_ = writer_->metadata()->num_rows();
    writer_.reset();
    return {};
  }

  int64_t rows() const override { return rows_; }
  size_t memory() const override { return static_cast<size_t>(pool_.bytes_allocated() + pending_.bytes()); }

 private:
  static Result<> done(const arrow::Status& status) {
    if (status.ok()) return {};
    return tl::unexpected(from_arrow(status, "writing parquet"));
  }

  Result<> flush() {
    if (pending_.empty()) return {};
    const bool wide = pending_.bytes() >= piece_bytes_;
    ASSIGN(const Rows rows, pending_.take());
    if (!writer_) TRY(open(rows->num_rows() >= encoding_sample_rows || wide || is_small(*rows) ? rows : nullptr));
    for (int64_t at = 0; at < rows->num_rows(); at += piece_rows) TRY(write_piece(*rows->Slice(at, piece_rows)));
    return {};
  }

  Result<> write_piece(const arrow::RecordBatch& rows) {
    if (group_full_) {
      TRY(done(writer_->NewBufferedRowGroup()));
      group_full_ = false;
    }
    TRY(done(writer_->WriteRecordBatch(rows)));
    rows_ += rows.num_rows();
    // A new group is opened only when there are rows for it, so that no file ends in an empty one.
    group_full_ = pool_.bytes_allocated() >= bytes_max_;
    return {};
  }

  /// Whether these are all rows of the file, and few.
  bool is_small(const arrow::RecordBatch& rows) const {
    return ending_ && rows_ == 0 && rows.num_rows() <= small_file_rows;
  }

  void set_codec(parquet::WriterProperties::Builder& properties) const {
    properties.compression(config_.codec());
    if (const auto level = config_.level()) properties.compression_level(*level);
  }

  /// A page of few bytes is not worth a codec, nor is one page an index of pages.
  void set_small(const arrow::RecordBatch& rows, parquet::WriterProperties::Builder& properties) const {
    properties.disable_write_page_index();
    const bool nested =
        std::ranges::any_of(schema_->fields(), [](const auto& field) { return arrow::is_nested(field->type()->id()); });
    if (config_.compression || config_.compression_level || nested) return set_codec(properties);
    for (int i = 0; i < rows.num_columns(); ++i) {
      if (bytes_of(*rows.column(i)) <= small_column_bytes) continue;
      const std::string& name = schema_->field(i)->name();
      properties.compression(name, config_.codec());
      if (const auto level = config_.level()) properties.compression_level(name, *level);
    }
  }

  /// `sample`: all rows of a small file, or rows to try encodings on; null: too few of them.
  Result<> open(const Rows& sample) {
    parquet::WriterProperties::Builder properties;
    properties.memory_pool(&pool_)->created_by("trommel");
    properties.max_row_group_length(config_.row_group_rows)->enable_store_decimal_as_integer();
    properties.enable_page_checksum();  // zstd unpacks many a flipped bit without a word
    const bool small = sample && is_small(*sample);
    if (small) {
      set_small(*sample, properties);
    } else {
      set_codec(properties);
    }
    if (!small && config_.encodings == ParquetEncodings::smallest && sample) {
      EncodingTrial trial{config_.codec(), config_.level().value_or(0), config_.row_group_rows};
      ASSIGN(const auto encodings, choose_encodings(sample->Slice(0, encoding_sample_rows), trial));
      for (int i = 0; i < schema_->num_fields(); ++i) {
        const auto encoding = encodings[static_cast<size_t>(i)];
        const std::string& name = schema_->field(i)->name();
        if (encoding == ColumnEncoding::dictionary) continue;
        properties.disable_dictionary(name)->encoding(name,
                                                      static_cast<parquet::Encoding::type>(parquet_encoding(encoding)));
      }
    }
    parquet::ArrowWriterProperties::Builder arrow_properties;
    if (!says_itself(*schema_)) arrow_properties.store_schema();
    arrow_properties.set_use_threads(threads_ > 1 && !small);
    auto writer =
        parquet::arrow::FileWriter::Open(*schema_, &pool_, out_, properties.build(), arrow_properties.build());
    if (!writer.ok()) return tl::unexpected(from_arrow(writer.status(), "writing parquet"));
    writer_ = std::move(*writer);
    return {};
  }

  /// Arrow writes a footer when a writer is destroyed; a file that was given up gets none that could pass for a whole
  /// one.
  void abandon() {
    if (!writer_) return;
    (void)out_->Close();
    writer_.reset();
  }

  std::shared_ptr<arrow::io::OutputStream> out_;
  Schema schema_;
  ParquetConfig config_;
  int threads_;
  int64_t bytes_max_;
  int64_t piece_bytes_;
  bool ending_ = false;
  arrow::ProxyMemoryPool pool_;  ///< counts what the column writers hold: pages, dictionaries, hash tables
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  Gather pending_;
  int64_t rows_ = 0;
  bool group_full_ = false;
};

}  // namespace

EncoderKind parquet_encoder() {
  EncoderKind kind;
  kind.name = "parquet";
  kind.extensions = {"parquet", "pq"};
  kind.spec = &ParquetConfig::spec().info();
  kind.check = [](const Node& settings, const Schema&, Problems& problems) {
    ParquetConfig::spec().parse(settings, problems);
  };
  kind.open = [](OutputStream& out, const Schema& schema, const Node& settings, int threads,
                 int64_t memory) -> Result<std::unique_ptr<Encoder>> {
    Problems problems;
    const ParquetConfig config = ParquetConfig::spec().parse(settings, problems);
    if (!problems.empty()) return config_error("parquet", problems.text());
    return std::make_unique<ParquetEncoder>(out, schema, config, threads, memory);
  };
  return kind;
}

}  // namespace trommel
