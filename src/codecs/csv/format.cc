// CSV as a FileFormat: looks at a sample, opens readers, remembers what was found.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "codecs/csv/csv.h"
#include "codecs/csv/decode.h"
#include "codecs/csv/guess.h"
#include "codecs/csv/reader.h"
#include "codecs/csv/recall.h"
#include "codecs/csv/settings.h"
#include "codecs/csv/sniff.h"
#include "codecs/text/encoding.h"
#include "component/columns.h"

namespace trommel::csv {

namespace {

constexpr size_t kSampleRows = 20000;
constexpr std::string_view kBom = "\xEF\xBB\xBF";

std::string number_text(int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<size_t>(at), ",");
  return text;
}

/// A column of the file, as far as it is known.
struct FileColumn {
  std::string name;
  Type type;
  DateLayout layout;
  bool fixed = false;  ///< the type was given, by a setting or a contract
};

class CsvFile : public FileFormat {
 public:
  CsvFile(ReadSettings settings, std::optional<Contract> contract)
      : settings_(std::move(settings)), contract_(std::move(contract)) {}

  Result<> look(const Sample& raw);
  Result<RecalledFormat> recall(const Recalled& known, const Schema& rows);

  Schema schema() const override {
    std::vector<ColumnInfo> columns;
    for (const FileColumn& column : columns_) columns.push_back({column.name, column.type, true});
    return make_schema(columns);
  }

  std::vector<std::string> null_markers() const override { return nulls_; }
  std::vector<std::string> notes() const override {
    std::vector<std::string> all = dialect_notes_;
    all.insert(all.end(), type_notes_.begin(), type_notes_.end());
    return all;
  }

  Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, std::unique_ptr<InputStream> stream,
                                       std::shared_ptr<RandomFile> random, Position at, int64_t block_bytes) override;
  Result<> target(const Schema& rows, const std::vector<int>& from_column, const std::optional<Contract>& contract,
                  bool guessed) override;
  Result<> widen(std::unique_ptr<InputStream> stream) override;
  bool positions_are_bytes() const override { return encoding_.is_utf8(); }
  bool all_as_text() const override { return true; }

 private:
  void find_header(std::string_view text, size_t skipped, bool whole);
  bool first_row_is_header(const SampleRows& sample, std::string& why) const;
  void name_columns(const std::vector<SampleRows::Field>& first, size_t fields);
  void see_pieces(const Sample& sample, std::vector<ColumnFacts>& facts) const;
  void see_rows(const SampleRows& sample, size_t from, std::vector<ColumnFacts>& facts) const;
  Result<> see_block(const Block& block, Index& index, std::vector<ColumnFacts>& facts) const;
  const std::vector<std::string>& known_nulls() const { return settings_.nulls ? *settings_.nulls : no_nulls_; }
  void guess_types(const std::vector<ColumnFacts>& facts, std::string_view of_what);
  bool needs_facts() const;
  void accept_markers(const std::vector<ColumnFacts>& facts, std::string_view of_what);
  ReaderOptions reader_options(Position at, int64_t block_bytes) const;

  ReadSettings settings_;
  std::optional<Contract> contract_;
  text::Encoding encoding_;
  Dialect dialect_;
  std::vector<FileColumn> columns_;
  const std::vector<std::string> no_nulls_;
  std::vector<std::string> nulls_;  ///< markers, given or found
  int64_t data_begin_ = 0;          ///< bytes of BOM, skipped lines and header
  int64_t header_lines_ = 0;
  std::vector<std::string> dialect_notes_, type_notes_;
  std::shared_ptr<const Decoder> decoder_;
};

Result<> CsvFile::look(const Sample& raw) {
  encoding_ = text::guess_encoding(raw, settings_.encoding ? text::encoding_named(*settings_.encoding) : std::nullopt);
  const Sample transcoded = encoding_.is_utf8() ? Sample{} : text::in_utf8(raw, encoding_);
  const Sample& sample = encoding_.is_utf8() ? raw : transcoded;
  if (!encoding_.why.empty()) dialect_notes_.push_back(fmt::format("encoding {} ({})", encoding_.name, encoding_.why));
  const std::string empty;
  std::string_view text = sample.pieces.empty() ? empty : sample.pieces[0];
  if (text.starts_with(kBom)) {
    text.remove_prefix(kBom.size());
    data_begin_ = static_cast<int64_t>(kBom.size());
    if (encoding_.is_utf8()) dialect_notes_.push_back("byte order mark at the start (left out)");
  }
  size_t skipped = 0;
  for (int64_t line = 0; line < settings_.skip; ++line) {
    const size_t end = text.find('\n', skipped);
    skipped = end == std::string_view::npos ? text.size() : end + 1;
  }
  header_lines_ = settings_.skip;
  data_begin_ += static_cast<int64_t>(skipped);
  text.remove_prefix(skipped);
  dialect_ = guess_dialect(text, sample.whole, settings_.hints(), settings_.base(), dialect_notes_);
  find_header(text, skipped, sample.whole);
  std::vector<ColumnFacts> facts(columns_.size());
  if (needs_facts()) see_pieces(sample, facts);
  guess_types(facts, sample.whole ? "" : " of the sample");
  return {};
}

/// With a contract only the way in which dates and times are written is left to find.
bool CsvFile::needs_facts() const {
  if (!contract_ || !settings_.types.empty()) return true;
  return std::ranges::any_of(contract_->columns, [](const ContractColumn& column) {
    return column.type && arrow::is_temporal((*column.type)->id());
  });
}

/// Fewer names than fields get numbered ones, doubled names a number.
void CsvFile::name_columns(const std::vector<SampleRows::Field>& first, size_t fields) {
  std::unordered_set<std::string> taken;
  columns_.clear();
  for (size_t i = 0; i < std::max(fields, first.size()); ++i) {
    std::string name(i < first.size() ? trimmed(first[i].text) : std::string_view());
    if (name.empty()) name = fmt::format("column{}", i + 1);
    std::string unique = name;
    for (int number = 2; !taken.insert(unique).second; ++number) unique = fmt::format("{}_{}", name, number);
    if (unique != name)
      dialect_notes_.push_back(fmt::format("column {}: named {}, since {} is there already", i + 1, unique, name));
    columns_.push_back({unique, arrow::utf8(), {}, false});
  }
}

bool CsvFile::first_row_is_header(const SampleRows& sample, std::string& why) const {
  const auto& first = sample.rows[0].fields;
  if (contract_) {
    size_t known = 0;
    for (const auto& field : first)
      known += !field.text.empty() && contract_->find(std::string(field.text)) != nullptr ? 1 : 0;
    if (known * 2 > contract_->columns.size() || (known > 0 && known * 2 > first.size())) {
      why = "its names are those of the contract";
      return true;
    }
  }
  std::vector<ColumnFacts> facts(first.size());
  see_rows(sample, 1, facts);
  std::unordered_set<std::string_view> names;
  bool unlike = false;
  for (size_t i = 0; i < first.size(); ++i) {
    const std::string_view text = first[i].text;
    const uint64_t types = types_of(text);
    if (!text.empty() && types != 0) {
      why = fmt::format("'{}' in it is no name", text);
      return false;
    }
    names.insert(text);
    if (facts[i].values > 0 && facts[i].types != 0) unlike = true;
  }
  if (unlike) {
    why = "its texts stand above values of other types";
    return true;
  }
  // All columns are text: names differ from each other, and do not come again as values.
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i].text.empty()) {
      why = "all columns are text and it has an empty field";
      return false;
    }
    for (size_t row = 1; row < sample.rows.size(); ++row) {
      if (i < sample.rows[row].fields.size() && sample.rows[row].fields[i].text == first[i].text) {
        why = fmt::format("'{}' in it comes again below", first[i].text);
        return false;
      }
    }
  }
  if (names.size() < first.size()) {
    why = "all columns are text and its fields are not unique";
    return false;
  }
  why = "its texts are unique and do not come again below";
  return true;
}

void CsvFile::find_header(std::string_view text, size_t, bool whole) {
  const auto sample = sample_rows(text, whole, dialect_, kSampleRows);
  if (sample->rows.empty()) {
    // Nothing but a header that is longer than the sample, or nothing at all.
    dialect_notes_.push_back("no rows in it");
    if (contract_) {
      for (const ContractColumn& column : contract_->columns)
        columns_.push_back({column.name, column.type.value_or(arrow::utf8()), {}, column.type.has_value()});
    } else if (settings_.header && std::holds_alternative<std::vector<std::string>>(*settings_.header)) {
      for (const std::string& name : std::get<std::vector<std::string>>(*settings_.header))
        columns_.push_back({name, arrow::utf8(), {}, false});
    }
    return;
  }
  const size_t fields = sample->usual_fields();
  bool header = false;
  if (settings_.header) {
    if (const auto* names = std::get_if<std::vector<std::string>>(&*settings_.header)) {
      std::vector<SampleRows::Field> given;
      for (const std::string& name : *names) given.push_back({name, false});
      name_columns(given, fields);
      return;
    }
    header = std::get<bool>(*settings_.header);
  } else {
    std::string why;
    header = first_row_is_header(*sample, why);
    dialect_notes_.push_back(fmt::format("{} ({})", header ? "first row is a header" : "no header", why));
  }
  if (header) {
    name_columns(sample->rows[0].fields, fields);
    // A row of data with more fields than the header has names keeps them all.
    const auto row_end = static_cast<int64_t>(sample->rows[0].next);
    data_begin_ += row_end;
    header_lines_ += std::count(text.begin(), text.begin() + row_end, '\n');
    if (header_lines_ == settings_.skip) header_lines_ += std::count(text.begin(), text.begin() + row_end, '\r');
    return;
  }
  std::vector<SampleRows::Field> names;
  std::vector<std::string> kept;
  if (contract_ && contract_->columns.size() == fields) {
    for (const ContractColumn& column : contract_->columns) kept.push_back(column.name);
    dialect_notes_.push_back("columns named by their places in the contract");
  }
  for (const std::string& name : kept) names.push_back({name, false});
  name_columns(names, fields);
}

void CsvFile::see_rows(const SampleRows& sample, size_t from, std::vector<ColumnFacts>& facts) const {
  for (size_t row = from; row < sample.rows.size(); ++row) {
    const auto& fields = sample.rows[row].fields;
    if (fields.size() != facts.size()) continue;
    for (size_t i = 0; i < facts.size(); ++i) facts[i].see(fields[i].text, known_nulls());
  }
}

void CsvFile::see_pieces(const Sample& sample, std::vector<ColumnFacts>& facts) const {
  if (facts.empty() || sample.pieces.empty()) return;
  const std::string_view first = sample.pieces[0];
  if (static_cast<size_t>(data_begin_) < first.size()) {
    see_rows(*sample_rows(first.substr(static_cast<size_t>(data_begin_)), sample.whole, dialect_, kSampleRows), 0,
             facts);
  }
  for (size_t i = 1; i < sample.pieces.size(); ++i) {
    const std::string_view piece = sample.pieces[i];
    const size_t begin = find_record(piece, dialect_, columns_.size());
    if (begin == std::string_view::npos) continue;
    see_rows(*sample_rows(piece.substr(begin), false, dialect_, kSampleRows), 0, facts);
  }
}

/// A marker means NULL if it is all that keeps some column from a type of its own.
void CsvFile::accept_markers(const std::vector<ColumnFacts>& facts, std::string_view of_what) {
  nulls_.clear();
  if (settings_.nulls) {
    nulls_ = *settings_.nulls;
    return;
  }
  if (contract_) return;
  for (size_t marker = 0; marker < kMarkers.size(); ++marker) {
    std::string seen;
    int64_t times = 0;
    size_t columns = 0;
    for (size_t i = 0; i < facts.size(); ++i) {
      if (facts[i].markers[marker] == 0 || guess_type(facts[i]).type->id() == arrow::Type::STRING) continue;
      times += facts[i].markers[marker];
      ++columns;
      if (columns <= 3) seen += (columns > 1 ? ", " : "") + columns_[i].name;
      if (columns == 4) seen += ", …";
    }
    if (columns == 0) continue;
    nulls_.emplace_back(kMarkers[marker]);
    type_notes_.push_back(fmt::format("null marker {} (seen in {}, {} time{}{})", kMarkers[marker], seen,
                                      number_text(times), times == 1 ? "" : "s", of_what));
  }
}

void CsvFile::guess_types(const std::vector<ColumnFacts>& facts, std::string_view of_what) {
  type_notes_.clear();
  accept_markers(facts, of_what);
  for (size_t i = 0; i < columns_.size(); ++i) {
    FileColumn& column = columns_[i];
    const TypeGuess guess = guess_type(facts[i]);
    column.layout = guess.layout;
    if (const ContractColumn* known = contract_ ? contract_->find(column.name) : nullptr;
        known != nullptr && known->type) {
      column.type = *known->type;
      column.fixed = true;
      continue;
    }
    const auto given = std::find_if(settings_.types.begin(), settings_.types.end(),
                                    [&](const auto& type) { return type.key == column.name; });
    if (given != settings_.types.end()) {
      column.type = parse_type(given->value)->type;
      column.fixed = true;
      continue;
    }
    column.type = contract_ ? arrow::utf8() : guess.type;
    if (contract_) continue;
    if (guess.undecided_date) {
      type_notes_.push_back(
          fmt::format("{}: text, since nothing tells day from month (no day above 12{})", column.name, of_what));
    } else if (!guess.layout.iso()) {
      type_notes_.push_back(fmt::format("{}: dates are {}", column.name, guess.layout.text()));
    } else if (facts[i].leading_zeros) {
      type_notes_.push_back(
          fmt::format("{}: text, since a number would lose the zeros of '{}'", column.name, facts[i].spoiler));
    }
  }
}

Result<> CsvFile::target(const Schema& rows, const std::vector<int>& from_column,
                         const std::optional<Contract>& contract, bool guessed) {
  DecodePlan plan;
  plan.dialect = dialect_;
  plan.file_columns = static_cast<int>(columns_.size());
  plan.schema = rows;
  plan.guessed = guessed;
  plan.encoding = encoding_.is_utf8() ? "UTF-8" : encoding_.name;
  Recalled recalled{"csv", true, dialect_, plan.encoding, nulls_, {}};
  for (const FileColumn& column : columns_) recalled.columns.push_back({column.name, column.layout});
  plan.facts = std::make_shared<const std::string>(recalled_text(recalled));
  for (int i = 0; i < rows->num_fields(); ++i) {
    ColumnPlan column;
    column.name = rows->field(i)->name();
    column.type = rows->field(i)->type();
    column.from = from_column[static_cast<size_t>(i)];
    column.nulls = nulls_;
    if (column.from >= 0) {
      const FileColumn& file = columns_[static_cast<size_t>(column.from)];
      column.layout = file.layout;
      column.strict = guessed && !file.fixed;
    }
    if (contract) take_contract(*contract, column);
    std::erase(column.nulls, std::string());
    if (const std::string why = unreadable(column); !why.empty()) return config_error("column " + column.name, why);
    plan.columns.push_back(std::move(column));
  }
  decoder_ = make_decoder(std::move(plan));
  return {};
}

/// What the pipeline says by now goes before what was found then: it may be what was mended.
Result<RecalledFormat> CsvFile::recall(const Recalled& known, const Schema& rows) {
  dialect_ = settings_.base();
  dialect_.delimiter = known.dialect.delimiter;
  dialect_.quote = known.dialect.quote;
  dialect_.escape = known.dialect.escape;
  dialect_.lone_cr = known.dialect.lone_cr;
  if (settings_.delimiter) dialect_.delimiter = parse_byte(*settings_.delimiter).value_or(dialect_.delimiter);
  if (settings_.quote) dialect_.quote = parse_byte(*settings_.quote).value_or(dialect_.quote);
  if (settings_.escape) dialect_.escape = parse_byte(*settings_.escape).value_or(dialect_.escape);
  nulls_ = settings_.nulls ? *settings_.nulls : known.nulls;
  if (known.encoding != "UTF-8") encoding_.name = known.encoding;
  const auto* names = settings_.header ? std::get_if<std::vector<std::string>>(&*settings_.header) : nullptr;
  for (size_t i = 0; i < known.columns.size(); ++i) {
    const std::string& name = names != nullptr && i < names->size() ? (*names)[i] : known.columns[i].name;
    columns_.push_back({name, arrow::utf8(), known.columns[i].layout, true});
  }
  RecalledFormat out;
  out.text_schema = schema();
  std::vector<int> all;
  for (size_t i = 0; i < columns_.size(); ++i) all.push_back(static_cast<int>(i));
  const auto markers = std::exchange(nulls_, {});
  TRY(target(out.text_schema, all, std::nullopt, false));
  out.as_text = decoder_;
  nulls_ = markers;
  TRY(target(rows, match_columns(*rows, *out.text_schema).from_column, contract_, false));
  out.decoder = decoder_;
  out.record = [dialect = dialect_](const auto& fields) { return record_of(fields, dialect); };
  return out;
}

ReaderOptions CsvFile::reader_options(Position at, int64_t block_bytes) const {
  ReaderOptions options;
  options.dialect = dialect_;
  options.block_bytes = block_bytes;
  options.at = at;
  options.skip = data_begin_;
  options.line = at <= data_begin_ ? header_lines_ + 1 : 0;
  return options;
}

Result<std::unique_ptr<Reader>> CsvFile::open(std::shared_ptr<const Split> split, std::unique_ptr<InputStream> stream,
                                              std::shared_ptr<RandomFile>, Position at, int64_t block_bytes) {
  if (!decoder_) {
    std::vector<int> all;
    for (size_t i = 0; i < columns_.size(); ++i) all.push_back(static_cast<int>(i));
    TRY(target(schema(), all, contract_, !contract_));
  }
  ASSIGN(stream, text::in_utf8_from(std::move(stream), encoding_, at, split->name));
  return make_reader(std::move(split), decoder_, std::move(stream), reader_options(at, block_bytes));
}

/// Adds what the good rows of a block say of their columns.
Result<> CsvFile::see_block(const Block& block, Index& index, std::vector<ColumnFacts>& facts) const {
  const size_t size = block.view().size();
  if (static_cast<int64_t>(size) < block.to - block.from) return {};  // a line that is too long
  ASSIGN(const auto bytes, padded(block.bytes));
  const char* data = reinterpret_cast<const char*>(bytes->data());
  index_block(data, size, dialect_, index);
  const FieldFinder finder(data, size, dialect_, index);
  std::vector<uint32_t> rows;
  size_t broken = 0;
  for (uint32_t row = 0; row < index.row_count(); ++row) {
    if (broken < index.broken.size() && index.broken[broken].row == row) {
      ++broken;
    } else if (finder.judge(row, facts.size()) == RowVerdict::good) {
      rows.push_back(row);
    }
  }
  std::vector<Span> fields(rows.size());
  for (size_t i = 0; i < facts.size(); ++i) {
    if (facts[i].types == 0) continue;  // text, whatever comes
    finder.fields(rows, i, facts.size(), fields.data());
    for (const Span& field : fields) {
      if (field.escaped) {
        const std::string text = plain_text(field.in(data), dialect_) + std::string(kPadding, '\0');
        facts[i].see(std::string_view(text).substr(0, text.size() - kPadding), known_nulls());
      } else {
        facts[i].see(field.in(data), known_nulls());
      }
    }
  }
  return {};
}

Result<> CsvFile::widen(std::unique_ptr<InputStream> stream) {
  const auto reader = make_reader(std::make_shared<Split>(), decoder_, text::in_utf8(std::move(stream), encoding_),
                                  reader_options(0, 4 << 20));
  std::vector<ColumnFacts> facts(columns_.size());
  Index index;
  while (true) {
    ASSIGN(const Reader::Piece piece, reader->read());
    if (piece.block) TRY(see_block(*piece.block, index, facts));
    if (piece.then == Reader::Next::ended) break;
  }
  guess_types(facts, "");
  type_notes_.push_back("types found from every row");
  return {};
}

int recognise(const Sample& sample) {
  if (sample.pieces.empty()) return 0;
  const std::string_view text = std::string_view(sample.pieces[0]).substr(0, 4096);
  if (text.find('\0') != std::string_view::npos && text::guess_encoding(sample, std::nullopt).is_utf8()) return 1;
  return 20;
}

}  // namespace

}  // namespace trommel::csv

namespace trommel {

FormatKind csv_format() {
  FormatKind kind;
  kind.name = "csv";
  kind.extensions = {"csv", "tsv", "txt", "psv"};
  kind.spec = &csv::read_spec().info();
  kind.recognise = csv::recognise;
  kind.look = [](const Sample& sample, std::shared_ptr<RandomFile>, const Node& settings,
                 const std::optional<Contract>& contract, Problems& problems) -> Result<std::shared_ptr<FileFormat>> {
    const size_t before = problems.size();
    auto parsed = csv::read_spec().parse(settings, problems);
    if (problems.size() > before) parsed = csv::ReadSettings{};
    auto file = std::make_shared<csv::CsvFile>(std::move(parsed), contract);
    TRY(file->look(sample));
    return file;
  };
  kind.recall = [](const std::string& facts, const Schema& rows, const Node& settings,
                   const std::optional<Contract>& contract) -> Result<RecalledFormat> {
    ASSIGN(const csv::Recalled known, csv::parse_recalled(facts));
    Problems problems;
    auto parsed = csv::read_spec().parse(settings, problems);
    if (!problems.empty()) return config_error("csv", problems.text());
    return csv::CsvFile(std::move(parsed), contract).recall(known, rows);
  };
  return kind;
}

}  // namespace trommel
