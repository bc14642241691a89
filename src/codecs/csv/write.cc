// Writes CSV so that it reads back equal: NULL is an empty field, empty text is "", fields are quoted only where they
// must be.
#include <arrow/api.h>

#include <utility>

#include "codecs/csv/csv.h"
#include "codecs/csv/settings.h"
#include "codecs/csv/write.h"

namespace trommel::csv {

namespace {

constexpr size_t kFlush = 1 << 20;

class CsvWriter : public Encoder {
 public:
  CsvWriter(OutputStream& out, Schema schema, const WriteSettings& settings)
      : out_(out),
        schema_(std::move(schema)),
        records_(parse_byte(settings.delimiter).value_or(',')),
        header_(settings.header) {}

  Result<> write(const arrow::RecordBatch& rows) override {
    write_header();
    TRY(records_.begin(rows));
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      records_.append(row, text_);
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
  void write_header() {
    if (!std::exchange(header_, false)) return;
    records_.append_names(*schema_, text_);
    text_ += '\n';
  }

  OutputStream& out_;
  Schema schema_;
  RecordWriter records_;
  bool header_;  ///< still to be written
  std::string text_;
  int64_t rows_ = 0;
};

}  // namespace

RecordWriter::RecordWriter(char delimiter) : delimiter_(delimiter) {
  for (const char c : {'"', '\n', '\r', delimiter_}) special_[static_cast<uint8_t>(c)] = true;
}

Result<> RecordWriter::begin(const arrow::RecordBatch& rows) {
  columns_.clear();
  for (const auto& values : rows.columns()) {
    ASSIGN(auto speller, text::make_speller(values, text::Style::plain));
    // A delimiter such as `-` or `.` makes even numbers unsafe.
    const bool text = text::content_of(*values->type()) == text::Content::text || !usual_delimiter();
    columns_.push_back({values, std::move(speller), text});
  }
  return {};
}

void RecordWriter::append(int64_t row, std::string& out) const {
  bool first = true;
  for (const Column& column : columns_) {
    if (!std::exchange(first, false)) out += delimiter_;
    if (column.values->IsNull(row)) continue;
    const size_t begin = out.size();
    column.speller->spell(row, out);
    if (column.text || begin == out.size()) quote_from(begin, out);
  }
}

void RecordWriter::append_names(const arrow::Schema& schema, std::string& out) const {
  for (int i = 0; i < schema.num_fields(); ++i) {
    if (i > 0) out += delimiter_;
    const size_t begin = out.size();
    out += schema.field(i)->name();
    quote_from(begin, out);
  }
}

bool RecordWriter::usual_delimiter() const {
  return delimiter_ == ',' || delimiter_ == '\t' || delimiter_ == ';' || delimiter_ == '|';
}

/// Puts quotes around the field that begins at `begin` if it would not be read as itself without.
void RecordWriter::quote_from(size_t begin, std::string& out) const {
  size_t quotes = 0;
  bool special = begin == out.size();
  for (size_t i = begin; i < out.size(); ++i) {
    special |= special_[static_cast<uint8_t>(out[i])];
    quotes += out[i] == '"' ? 1 : 0;
  }
  // Single quotes and a byte order mark at the front would be taken for something else.
  if (!special && begin < out.size()) special = out[begin] == '\'' || out.compare(begin, 3, "\xEF\xBB\xBF") == 0;
  if (!special) return;
  const size_t size = out.size();
  out.resize(size + quotes + 2);
  size_t to = out.size();
  out[--to] = '"';
  for (size_t from = size; from > begin;) {
    const char c = out[--from];
    out[--to] = c;
    if (c == '"') out[--to] = '"';
  }
  out[--to] = '"';
}

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
