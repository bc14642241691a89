// Writes CSV so that it reads back equal: NULL is an empty field, empty text is "", fields are quoted only where they
// must be.
#include <arrow/api.h>

#include <array>

#include "codecs/csv/csv.h"
#include "codecs/csv/settings.h"
#include "codecs/text/spell.h"

namespace trommel::csv {

namespace {

constexpr size_t kFlush = 1 << 20;

class CsvWriter : public Encoder {
 public:
  CsvWriter(OutputStream& out, Schema schema, const WriteSettings& settings)
      : out_(out),
        schema_(std::move(schema)),
        delimiter_(parse_byte(settings.delimiter).value_or(',')),
        header_(settings.header) {
    for (const char c : {'"', '\n', '\r', delimiter_}) special_[static_cast<uint8_t>(c)] = true;
  }

  Result<> write(const arrow::RecordBatch& rows) override {
    write_header();
    struct Source {
      const arrow::Array* array;
      std::unique_ptr<text::Speller> speller;
      bool text;
    };
    std::vector<Source> columns;
    for (int i = 0; i < rows.num_columns(); ++i) {
      const auto& array = rows.column(i);
      ASSIGN(auto speller, text::make_speller(array, text::Style::plain));
      // A delimiter such as `-` or `.` makes even numbers unsafe.
      const bool text = text::content_of(*array->type()) == text::Content::text || !usual_delimiter();
      columns.push_back({array.get(), std::move(speller), text});
    }
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      for (size_t i = 0; i < columns.size(); ++i) {
        const Source& column = columns[i];
        if (i > 0) text_ += delimiter_;
        if (column.array->IsNull(row)) continue;
        const size_t begin = text_.size();
        column.speller->spell(row, text_);
        if (column.text || begin == text_.size()) quote_from(begin);
      }
      text_ += '\n';
      ++rows_;
      if (text_.size() >= kFlush) TRY(flush());
    }
    return {};
  }

  Result<> finish() override {
    write_header();
    return flush();
  }
  int64_t rows() const override { return rows_; }
  size_t memory() const override { return text_.capacity(); }
  Result<> flush() override {
    if (!text_.empty()) TRY(out_.append(as_bytes(text_)));
    text_.clear();
    return {};
  }

 private:
  bool usual_delimiter() const {
    return delimiter_ == ',' || delimiter_ == '\t' || delimiter_ == ';' || delimiter_ == '|';
  }

  void write_header() {
    if (!header_) return;
    header_ = false;
    for (int i = 0; i < schema_->num_fields(); ++i) {
      if (i > 0) text_ += delimiter_;
      const size_t begin = text_.size();
      text_ += schema_->field(i)->name();
      quote_from(begin);
    }
    text_ += '\n';
  }

  /// Puts quotes around the field that begins at `begin` if it would not be read as itself without.
  void quote_from(size_t begin) {
    size_t quotes = 0;
    bool special = begin == text_.size();
    for (size_t i = begin; i < text_.size(); ++i) {
      special |= special_[static_cast<uint8_t>(text_[i])];
      quotes += text_[i] == '"' ? 1 : 0;
    }
    // Single quotes and a byte order mark at the front would be taken for something else.
    if (!special && begin < text_.size())
      special = text_[begin] == '\'' || text_.compare(begin, 3, "\xEF\xBB\xBF") == 0;
    if (!special) return;
    const size_t size = text_.size();
    text_.resize(size + quotes + 2);
    size_t to = text_.size();
    text_[--to] = '"';
    for (size_t from = size; from > begin;) {
      const char c = text_[--from];
      text_[--to] = c;
      if (c == '"') text_[--to] = '"';
    }
    text_[--to] = '"';
  }

  OutputStream& out_;
  Schema schema_;
  char delimiter_;
  bool header_;  ///< still to be written
  std::array<bool, 256> special_{};
  std::string text_;
  int64_t rows_ = 0;
};

}  // namespace

}  // namespace trommel::csv

namespace trommel {

EncoderKind csv_encoder() {
  EncoderKind kind;
  kind.name = "csv";
  kind.extensions = {"csv"};
  kind.spec = &csv::write_spec().info();
  kind.packable = true;
  kind.open = [](OutputStream& out, const Schema& schema, const Node& settings, int,
                 int64_t) -> Result<std::unique_ptr<Encoder>> {
    Problems problems;
    const auto parsed = csv::write_spec().parse(settings, problems);
    if (!problems.empty()) return config_error("csv", problems.text());
    return std::make_unique<csv::CsvWriter>(out, schema, parsed);
  };
  kind.check = [](const Node& settings, const Schema& schema, Problems& problems) {
    csv::write_spec().parse(settings, problems);
    for (const auto& field : schema->fields()) {
      if (!text::can_spell(*field->type()))
        problems.add(settings.place,
                     "column " + field->name() + " cannot be written as CSV: " + field->type()->ToString());
    }
  };
  return kind;
}

}  // namespace trommel
