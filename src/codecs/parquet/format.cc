#include <arrow/api.h>
#include <arrow/compute/cast.h>
#include <fmt/format.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <cstring>

#include "batch/types.h"
#include "codecs/parquet/parquet.h"
#include "codecs/parquet/row_groups.h"
#include "component/cast_rows.h"

namespace trommel {
namespace {

/// How trommel holds what a Parquet file stores: dictionaries and views unfolded, offsets of 32 bits, half floats as
/// floats. Null for what it has no type for.
Type held_as(const Type& type) {
  switch (type->id()) {
    case arrow::Type::DICTIONARY:
      return held_as(static_cast<const arrow::DictionaryType&>(*type).value_type());
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return arrow::utf8();
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
      return arrow::binary();
    case arrow::Type::HALF_FLOAT:
      return arrow::float32();
    case arrow::Type::DATE64:
      return arrow::date32();
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST: {
      const Type item = held_as(type->field(0)->type());
      return item ? arrow::list(item) : nullptr;
    }
    case arrow::Type::STRUCT: {
      arrow::FieldVector fields;
      for (const auto& field : type->fields()) {
        const Type held = held_as(field->type());
        if (!held) return nullptr;
        fields.push_back(arrow::field(field->name(), held, field->nullable()));
      }
      return arrow::struct_(std::move(fields));
    }
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(*type);
      const Type key = held_as(map.key_type());
      const Type item = held_as(map.item_type());
      return key && item ? arrow::map(key, item) : nullptr;
    }
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
    case arrow::Type::DECIMAL128:
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::DATE32:
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
    case arrow::Type::NA:
      return type;
    case arrow::Type::EXTENSION: {
      const auto& extension = static_cast<const arrow::ExtensionType&>(*type);
      return extension.extension_name() == "arrow.uuid" ? type : held_as(extension.storage_type());
    }
    default:
      return nullptr;
  }
}

arrow::Result<std::shared_ptr<arrow::Array>> unfold(std::shared_ptr<arrow::Array> column, const Type& held) {
  // Equal types may still name their lists' items otherwise.
  if (column->type()->Equals(*held)) return column->num_fields() == 0 ? column : column->View(held);
  if (column->type_id() == arrow::Type::EXTENSION) {
    column = static_cast<const arrow::ExtensionArray&>(*column).storage();
  }
  ARROW_ASSIGN_OR_RAISE(auto cast,
                        arrow::compute::Cast(arrow::Datum(column), held, arrow::compute::CastOptions::Safe()));
  return cast.make_array();
}

class ParquetDecoder : public Decoder {
 public:
  /// `target` finds its columns among those of the file.
  ParquetDecoder(std::shared_ptr<const ParquetFooter> footer, const CastTarget& target, Schema held,
                 std::shared_ptr<RandomFile> file, int64_t rows_a_read)
      : footer_(std::move(footer)),
        held_(std::move(held)),
        columns_(columns_read(target)),
        target_(among_read(target)),
        scan_(std::make_unique<RowGroupScan>(footer_, std::move(file), columns_, rows_a_read)) {}

  Result<int64_t> decode(const Block& block, Outlet& outlet) const override {
    const int64_t count = block.to - block.from;
    arrow::ArrayVector stored;
    if (!columns_.empty()) {
      ASSIGN(const Rows read, scan_->read(block.from, block.to));
      TROMMEL_CHECK(read->num_rows() == count, fmt::format("{} rows read, {} expected", read->num_rows(), count));
      stored = read->columns();
    }
    ASSIGN(auto unfolded, unfold_all(stored));
    TRY(emit_cast({arrow::RecordBatch::Make(held_of_read(), count, std::move(unfolded)), Positions::run(block.from),
                   std::make_shared<const Block>(block)},
                  target_, outlet));
    return count;
  }

 private:
  static std::vector<int> columns_read(const CastTarget& target) {
    std::vector<int> out;
    for (const int column : target.from_column) {
      if (column >= 0) out.push_back(column);
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

  /// Only columns that rows are made of are read.
  CastTarget among_read(CastTarget target) const {
    for (int& column : target.from_column) {
      if (column >= 0)
        column = static_cast<int>(std::lower_bound(columns_.begin(), columns_.end(), column) - columns_.begin());
    }
    return target;
  }

  Schema held_of_read() const {
    arrow::FieldVector fields;
    for (const int column : columns_) fields.push_back(held_->field(column));
    return arrow::schema(std::move(fields));
  }

  Result<arrow::ArrayVector> unfold_all(const arrow::ArrayVector& stored) const {
    arrow::ArrayVector out;
    for (size_t i = 0; i < columns_.size(); ++i) {
      auto column = unfold(stored[i], held_->field(columns_[i])->type());
      if (!column.ok())
        return tl::unexpected(from_arrow(column.status(), footer_->name + ": " + held_->field(columns_[i])->name()));
      out.push_back(std::move(*column));
    }
    return out;
  }

  std::shared_ptr<const ParquetFooter> footer_;
  Schema held_;
  std::vector<int> columns_;  ///< of the file, those that are read
  CastTarget target_;
  std::unique_ptr<RowGroupScan> scan_;
};

/// Cuts row groups into stretches whose rows take about `block_bytes`; reads nothing itself.
class ParquetReader : public Reader {
 public:
  ParquetReader(std::shared_ptr<const ParquetFooter> footer, std::shared_ptr<const Decoder> decoder,
                std::shared_ptr<const Split> split, Position at, int64_t block_bytes)
      : footer_(std::move(footer)),
        decoder_(std::move(decoder)),
        split_(std::move(split)),
        at_(at),
        block_bytes_(block_bytes) {}

  Result<Piece> read() override {
    Piece piece;
    if (at_ < footer_->rows()) {
      const size_t group = footer_->group_of(at_);
      const int64_t rows = std::max<int64_t>(block_bytes_ / footer_->row_bytes(group), 1);
      Block block;
      block.split = split_;
      block.decoder = decoder_;
      block.from = at_;
      block.to = std::min(at_ + rows, footer_->group_starts[group + 1]);
      at_ = block.to;
      piece.block = std::move(block);
    }
    piece.next = at_;
    piece.then = at_ < footer_->rows() ? Next::more : Next::ended;
    return piece;
  }

 private:
  std::shared_ptr<const ParquetFooter> footer_;
  std::shared_ptr<const Decoder> decoder_;
  std::shared_ptr<const Split> split_;
  int64_t at_;
  int64_t block_bytes_;
};

class ParquetFile : public FileFormat {
 public:
  static Result<std::shared_ptr<FileFormat>> look(const Sample& sample, const std::shared_ptr<RandomFile>& file,
                                                  const std::optional<Contract>& contract) {
    if (!file) return internal_error(sample.name, "Parquet needs a file that can be read at any place");
    ASSIGN(auto footer, read_footer(sample.name, file));
    auto out = std::make_shared<ParquetFile>();
    TRY(out->hold(*footer, contract));
    out->file_ = file;
    out->footer_ = std::move(footer);
    return out;
  }

  Schema schema() const override { return held_; }

  std::vector<std::string> notes() const override {
    return {fmt::format("Parquet, {} rows in {} row groups", footer_->rows(), footer_->group_starts.size() - 1)};
  }

  Result<> target(const Schema& rows, const std::vector<int>& from_column, const std::optional<Contract>&,
                  bool guessed) override {
    target_ = CastTarget{rows, from_column, guessed};
    return {};
  }

  Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, std::unique_ptr<InputStream>,
                                       std::shared_ptr<RandomFile> random, Position at, int64_t block_bytes) override {
    TROMMEL_CHECK(target_.has_value(), footer_->name);
    if (at < 0 || at > footer_->rows()) {
      return external_error(footer_->name, fmt::format("no row {}: the file has {}", at, footer_->rows()),
                            "was the file replaced?");
    }
    const int64_t rows_a_read =
        std::clamp<int64_t>(footer_->rows() == 0 ? 1 : block_bytes / footer_->row_bytes(0), 1024, 128 * 1024);
    auto decoder =
        std::make_shared<ParquetDecoder>(footer_, *target_, held_, random ? std::move(random) : file_, rows_a_read);
    return std::make_unique<ParquetReader>(footer_, std::move(decoder), std::move(split), at, block_bytes);
  }

 private:
  /// A column of a type that we do not have is a mistake unless the contract leaves it out.
  Result<> hold(const ParquetFooter& footer, const std::optional<Contract>& contract) {
    std::vector<ColumnInfo> columns;
    std::string strange;
    for (const auto& field : footer.schema->fields()) {
      const Type held = held_as(field->type());
      const bool dropped =
          contract && contract->extra == ExtraColumns::drop && contract->find(field->name()) == nullptr;
      if (!held && !dropped) strange += (strange.empty() ? "" : ", ") + field->name() + " " + field->type()->ToString();
      columns.push_back({field->name(), held ? held : arrow::null(), field->nullable()});
    }
    if (!strange.empty()) {
      return config_error(footer.name, "columns of types that cannot be read: " + strange,
                          "leave them out with a contract and `extra: drop`");
    }
    held_ = make_schema(columns);
    return {};
  }

  std::shared_ptr<const ParquetFooter> footer_;
  std::shared_ptr<RandomFile> file_;
  Schema held_;
  std::optional<CastTarget> target_;
};

struct ParquetReading {
  static const Spec<ParquetReading>& spec() {
    static const auto spec = Spec<ParquetReading>("parquet", "Apache Parquet: columns, compressed, with their types");
    return spec;
  }
};

}  // namespace

FormatKind parquet_format() {
  FormatKind kind;
  kind.name = "parquet";
  kind.extensions = {"parquet", "pq"};
  kind.spec = &ParquetReading::spec().info();
  kind.needs_random = true;
  kind.recognise = [](const Sample& sample) {
    if (sample.pieces.empty() || sample.pieces.front().size() < 4) return 0;
    const char* head = sample.pieces.front().data();
    return std::memcmp(head, "PAR1", 4) == 0 || std::memcmp(head, "PARE", 4) == 0 ? 100 : 0;
  };
  kind.look = [](const Sample& sample, std::shared_ptr<RandomFile> file, const Node& settings,
                 const std::optional<Contract>& contract, Problems& problems) -> Result<std::shared_ptr<FileFormat>> {
    ParquetReading::spec().parse(settings, problems);
    return ParquetFile::look(sample, file, contract);
  };
  return kind;
}

}  // namespace trommel
