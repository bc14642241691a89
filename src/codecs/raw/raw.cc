#include "codecs/raw/raw.h"

#include <arrow/api.h>
#include <arrow/util/utf8.h>
#include <fmt/format.h>

#include "batch/types.h"
#include "spec/merge.h"

namespace trommel {
namespace {

struct RawConfig {
  std::optional<std::string> column;
};

const Spec<RawConfig>& raw_spec() {
  static const auto spec =
      Spec<RawConfig>("raw", "Each message as it is, in one column")
          .field("column", &RawConfig::column,
                 "the column that holds the message; left out: the only one of its rows, or `value`",
                 {.example = "line"});
  return spec;
}

bool is_text(const arrow::DataType& type) { return type.id() == arrow::Type::STRING; }
bool fits(const arrow::DataType& type) { return is_text(type) || type.id() == arrow::Type::BINARY; }

class RawDecoder final : public MessageDecoder {
 public:
  explicit RawDecoder(Schema schema) : schema_(std::move(schema)), text_(is_text(*schema_->field(0)->type())) {
    arrow::util::InitializeUTF8();
  }

  Result<DecodedMessages> decode(const Messages& messages) const override {
    DecodedMessages out;
    arrow::BinaryBuilder values;
    auto status = values.Reserve(static_cast<int64_t>(messages.count()));
    for (size_t i = 0; status.ok() && i < messages.count(); ++i) {
      const std::string_view message = as_text(messages.at(i));
      if (text_ && !arrow::util::ValidateUTF8(message)) {
        out.refusals.push_back({static_cast<int64_t>(i), "encoding", schema_->field(0)->name(), {}, "not valid UTF-8"});
        continue;
      }
      status = values.Append(message);
    }
    std::shared_ptr<arrow::Array> column;
    if (status.ok()) status = values.Finish(&column);
    if (!status.ok()) return tl::unexpected(from_arrow(status, "raw"));
    if (text_) {
      column->data()->type = arrow::utf8();
      column = arrow::MakeArray(column->data());
    }
    out.rows = arrow::RecordBatch::Make(schema_, column->length(), {column});
    return out;
  }

 private:
  Schema schema_;
  bool text_;
};

class RawEncoder final : public MessageEncoder {
 public:
  explicit RawEncoder(int column) : column_(column) {}
  Result<std::vector<Refusal>> encode(const arrow::RecordBatch& rows, EncodedMessages& out) override {
    std::vector<Refusal> refused;
    const auto& values = static_cast<const arrow::BinaryArray&>(*rows.column(column_));
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      if (values.IsNull(row))
        refused.push_back({row, "required", rows.schema()->field(column_)->name(), {}, "NULL is no message"});
      else
        out.bytes += values.GetView(row);
      out.ends.push_back(out.bytes.size());
    }
    return refused;
  }

 private:
  int column_;
};

RawConfig parse(const MessageSettings& settings, Problems& problems) {
  return raw_spec().parse(settings_for(settings.settings, raw_spec().info()), problems);
}

Result<BoundMessageDecoder> bind_decoder(const MessageSettings& settings, Problems& problems) {
  const RawConfig config = parse(settings, problems);
  ColumnInfo column{config.column.value_or("value"), text_type(), true};
  if (settings.contract) {
    if (settings.contract->columns.size() != 1) {
      problems.add(settings.contract->place, fmt::format("a raw message is one column, and the contract has {}",
                                                         settings.contract->columns.size()));
      return BoundMessageDecoder{};
    }
    const ContractColumn& only = settings.contract->columns.front();
    column = {config.column.value_or(only.name), only.type.value_or(text_type()), true};
  }
  if (!fits(*column.type)) {
    problems.add(settings.settings.place,
                 fmt::format("a raw message is text or binary: column {} is {}", column.name, type_name(*column.type)));
    return BoundMessageDecoder{};
  }
  const Schema schema = make_schema({column});
  return BoundMessageDecoder{std::make_shared<RawDecoder>(schema), schema, {}};
}

Result<BoundMessageEncoder> bind_encoder(const MessageSettings& settings, const Schema& rows, Problems& problems) {
  const RawConfig config = parse(settings, problems);
  if (!config.column && rows->num_fields() != 1) {
    problems.add(settings.settings.place,
                 fmt::format("`value: raw` sends one column, and the rows have {}", rows->num_fields()),
                 "say `column:`");
    return BoundMessageEncoder{};
  }
  const int column = config.column ? rows->GetFieldIndex(*config.column) : 0;
  if (column < 0) {
    problems.add(settings.settings.place, fmt::format("`column`: the rows have no column `{}`", *config.column),
                 did_you_mean(*config.column, rows->field_names()));
    return BoundMessageEncoder{};
  }
  if (!fits(*rows->field(column)->type())) {
    problems.add(settings.settings.place,
                 fmt::format("a raw message is text or binary: column {} is {}", rows->field(column)->name(),
                             type_name(*rows->field(column)->type())));
    return BoundMessageEncoder{};
  }
  return BoundMessageEncoder{std::make_unique<RawEncoder>(column), {}};
}

}  // namespace

MessageFormat raw_messages() { return {"raw", &raw_spec().info(), bind_decoder, bind_encoder}; }

}  // namespace trommel
