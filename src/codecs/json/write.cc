#include <arrow/api.h>

#include "codecs/json/json.h"
#include "codecs/json/write.h"

namespace trommel::json {

namespace {

constexpr size_t kFlush = 1 << 20;

struct Settings {};

const Spec<Settings>& write_spec() {
  static const auto spec = Spec<Settings>("json", "Writes one JSON object a row, each on a line of its own");
  return spec;
}

class JsonLines : public Encoder {
 public:
  JsonLines(OutputStream& out, const Schema& schema) : out_(out), objects_(*schema) {}

  Result<> write(const arrow::RecordBatch& rows) override {
    TRY(objects_.begin(rows));
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      objects_.append(row, text_);
      text_ += '\n';
      ++rows_;
      if (text_.size() >= kFlush) TRY(flush());
    }
    return {};
  }

  Result<> finish() override { return flush(); }
  int64_t rows() const override { return rows_; }
  size_t memory() const override { return text_.capacity(); }
  Result<> flush() override {
    if (!text_.empty()) TRY(out_.append(as_bytes(text_)));
    text_.clear();
    return {};
  }

 private:
  OutputStream& out_;
  ObjectWriter objects_;
  std::string text_;
  int64_t rows_ = 0;
};

}  // namespace

ObjectWriter::ObjectWriter(const arrow::Schema& schema) {
  for (const auto& field : schema.fields()) {
    std::string name = columns_.empty() ? "{" : ",";
    text::append_quoted(field->name(), name);
    columns_.push_back({name + ":", nullptr, nullptr});
  }
}

Result<> ObjectWriter::begin(const arrow::RecordBatch& rows) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    columns_[i].values = rows.column(static_cast<int>(i));
    ASSIGN(columns_[i].speller, text::make_speller(columns_[i].values, text::Style::json));
  }
  return {};
}

void ObjectWriter::append(int64_t row, std::string& out) const {
  for (const Column& column : columns_) {
    out += column.name;
    if (column.values->IsNull(row))
      out += "null";
    else
      column.speller->spell(row, out);
  }
  out += columns_.empty() ? "{}" : "}";
}

}  // namespace trommel::json

namespace trommel {

EncoderKind json_encoder() {
  EncoderKind kind;
  kind.name = "json";
  kind.extensions = {"json", "jsonl", "ndjson"};
  kind.spec = &json::write_spec().info();
  kind.packable = true;
  kind.open = [](OutputStream& out, const Schema& schema, const Node&, int,
                 int64_t) -> Result<std::unique_ptr<Encoder>> {
    return std::make_unique<json::JsonLines>(out, schema);
  };
  kind.check = [](const Node& settings, const Schema& schema, Problems& problems) {
    json::write_spec().parse(settings, problems);
    for (const auto& field : schema->fields()) {
      if (!text::can_spell(*field->type()))
        problems.add(settings.place,
                     "column " + field->name() + " cannot be written as JSON: " + field->type()->ToString());
    }
  };
  return kind;
}

}  // namespace trommel
