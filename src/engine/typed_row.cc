#include "engine/typed_row.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/json.h"
#include "codecs/json/decode.h"
#include "codecs/text/spell.h"
#include "component/quiet_outlet.h"
#include "config/contract.h"
#include "engine/rejects.h"

namespace trommel {
namespace {

constexpr size_t kAtOnce = 8 << 20;  // bytes that are decoded in one go
constexpr size_t kExactDigits = 15;  // of an integer that every reader of JSON gets right

enum class Spelling { own, quoted };

Spelling spelling_of(const arrow::DataType& type, std::string_view value) {
  if (!value.empty() && value.front() == '"') return Spelling::own;
  if (type.id() == arrow::Type::BOOL) return Spelling::own;
  if (arrow::is_floating(type.id())) return Spelling::own;
  if (arrow::is_integer(type.id()) && value.size() <= kExactDigits) return Spelling::own;
  return Spelling::quoted;
}

bool has_parts(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRUCT || type.id() == arrow::Type::LIST || type.id() == arrow::Type::MAP;
}

/// Which column of the schema a name of an object is.
class Columns {
 public:
  explicit Columns(const arrow::Schema& schema) : schema_(schema) {
    for (int i = 0; i < schema.num_fields(); ++i) {
      const auto [same, is_new] = by_key_.emplace(name_key(schema.field(i)->name()), i);
      if (!is_new) same->second = -1;  // two names of one key: only the exact ones tell them apart
    }
  }
  int find(const std::string& name) const {
    if (const int exact = schema_.GetFieldIndex(name); exact >= 0) return exact;
    const auto found = by_key_.find(name_key(name));
    return found == by_key_.end() ? -1 : found->second;
  }

 private:
  const arrow::Schema& schema_;
  std::map<std::string, int> by_key_;
};

/// The object as one line with the schema's own names, lists and structs taken out of their quotes.
Result<std::string> as_line(const std::string& object, const arrow::Schema& schema, const Columns& columns) {
  const auto in = parse_json(object, "row");
  if (!in || !in->is_object()) return data_error("", "the row is no JSON object: " + object);
  std::string line;
  std::vector<uint8_t> seen(static_cast<size_t>(schema.num_fields()), 0);
  for (const auto& [name, value] : in->items()) {
    const int column = columns.find(name);
    if (column < 0) return data_error("", fmt::format("there is no column `{}` where it enters", name));
    if (seen[static_cast<size_t>(column)]++ != 0) return data_error("", fmt::format("column `{}` comes twice", name));
    const auto& field = *schema.field(column);
    line += line.empty() ? "{" : ",";
    text::append_quoted(field.name(), line);
    line += ":";
    std::string inner = value.is_string() ? value.get<std::string>() : "";
    if (has_parts(*field.type()) && value.is_string()) {
      const auto whole = parse_json(inner, "");
      if (!whole) return data_error("", fmt::format("{}: not a {}: '{}'", name, type_name(*field.type()), inner));
      line += json_line(*whole);
    } else {
      line += json_line(value);
    }
  }
  return (line.empty() ? "{" : line) + "}\n";
}

/// Hears what became of each line of a block.
class Lines final : public QuietOutlet {
 public:
  explicit Lines(std::map<int64_t, TypedRow*> rows) : rows_(std::move(rows)) {}
  void emit(Batch batch) override {
    for (int64_t i = 0; i < batch.size(); ++i) rows_.at(batch.positions.at(i))->rows = batch.rows->Slice(i, 1);
  }
  using QuietOutlet::reject;
  void reject(const Block&, std::span<const RawRefusal> refusals) override {
    for (const RawRefusal& refusal : refusals) {
      TypedRow& row = *rows_.at(refusal.offset);
      row.why = reason_text(refusal.column, refusal.reason);
    }
  }

 private:
  std::map<int64_t, TypedRow*> rows_;
};

Result<std::shared_ptr<const Decoder>> decoder_for(const Schema& schema) {
  auto plan = std::make_shared<json::DecodePlan>();
  plan->schema = schema;
  plan->max_row = int64_t{1} << 29;
  for (int i = 0; i < schema->num_fields(); ++i) {
    json::ValuesPlan values;
    values.others = json::OtherNames::refuse;
    values.column.name = schema->field(i)->name();
    values.column.type = schema->field(i)->type();
    values.column.from = i;
    if (const std::string why = json::unreadable(values.column); !why.empty())
      return config_error("column " + values.column.name, why);
    plan->places.emplace(values.column.name, plan->names.size());
    plan->names.push_back(values.column.name);
    plan->targets.push_back(i);
    plan->columns.push_back(std::move(values));
  }
  plan->others = json::OtherNames::refuse;
  return json::make_decoder(std::move(plan), false);
}

Result<> decode(const Decoder& decoder, std::string text, std::map<int64_t, TypedRow*> rows) {
  Block block;
  block.to = static_cast<Position>(text.size());
  block.bytes = arrow::Buffer::FromString(std::move(text));
  Lines lines(std::move(rows));
  ASSIGN([[maybe_unused]] const int64_t records, decoder.decode(block, lines));
  return {};
}

}  // namespace

RowSpeller::RowSpeller(const arrow::RecordBatch& rows) : rows_(rows) {}
RowSpeller::~RowSpeller() = default;

std::string RowSpeller::row(int64_t row) {
  if (names_.empty()) {
    for (int i = 0; i < rows_.num_columns(); ++i) {
      std::string name = i == 0 ? "{" : ",";
      text::append_quoted(rows_.schema()->field(i)->name(), name);
      names_.push_back(name + ":");
      auto speller = text::make_speller(rows_.column(i), text::Style::json);
      columns_.push_back(speller ? std::move(*speller) : nullptr);
    }
  }
  std::string out, value;
  for (int i = 0; i < rows_.num_columns(); ++i) {
    const auto at = static_cast<size_t>(i);
    out += names_[at];
    if (rows_.column(i)->IsNull(row)) {
      out += "null";
      continue;
    }
    value.clear();
    if (columns_[at]) {
      columns_[at]->spell(row, value);
    } else {
      text::append_quoted(value_text(*rows_.column(i), row), value);
    }
    if (spelling_of(*rows_.column(i)->type(), value) == Spelling::own) {
      out += value;
    } else {
      text::append_quoted(value, out);
    }
  }
  return (out.empty() ? "{" : out) + "}";
}

Result<std::vector<TypedRow>> typed_rows(const std::vector<std::string>& objects, const Schema& schema) {
  ASSIGN(const auto decoder, decoder_for(schema));
  const Columns columns(*schema);
  std::vector<TypedRow> out(objects.size());
  std::string text;
  std::map<int64_t, TypedRow*> rows;
  for (size_t i = 0; i < objects.size(); ++i) {
    auto line = as_line(objects[i], *schema, columns);
    if (!line) {
      out[i].why = line.error().what;
      continue;
    }
    rows.emplace(static_cast<int64_t>(text.size()), &out[i]);
    text += *line;
    if (text.size() < kAtOnce) continue;
    TRY(decode(*decoder, std::exchange(text, {}), std::exchange(rows, {})));
  }
  if (!rows.empty()) TRY(decode(*decoder, std::move(text), std::move(rows)));
  return out;
}

}  // namespace trommel
