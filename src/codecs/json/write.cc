#include <arrow/api.h>

#include "codecs/json/json.h"
#include "codecs/text/spell.h"

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
  JsonLines(OutputStream& out, const Schema& schema) : out_(out), schema_(schema) {
    for (const auto& field : schema->fields()) {
      std::string name = names_.empty() ? "{" : ",";
      text::append_quoted(field->name(), name);
      names_.push_back(name + ":");
    }
  }

  Result<> write(const arrow::RecordBatch& rows) override {
    std::vector<std::unique_ptr<text::Speller>> columns;
    for (int i = 0; i < rows.num_columns(); ++i) {
      ASSIGN(auto column, text::make_speller(rows.column(i), text::Style::json));
      columns.push_back(std::move(column));
    }
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      for (size_t i = 0; i < columns.size(); ++i) {
        text_ += names_[i];
        if (rows.column(static_cast<int>(i))->IsNull(row))
          text_ += "null";
        else
          columns[i]->spell(row, text_);
      }
      text_ += columns.empty() ? "{}\n" : "}\n";
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
  Schema schema_;
  std::vector<std::string> names_;  ///< with what stands before and behind them
  std::string text_;
  int64_t rows_ = 0;
};

}  // namespace

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
