// JSON as a FileFormat: looks at a sample, opens readers, remembers what was found.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "codecs/csv/decode.h"
#include "codecs/csv/reader.h"
#include "codecs/csv/recall.h"
#include "codecs/json/facts.h"
#include "codecs/json/json.h"
#include "codecs/json/reader.h"
#include "codecs/text/encoding.h"
#include "component/columns.h"

namespace trommel::json {

namespace {

constexpr size_t kSampleRows = 20000;
constexpr size_t kColumnsMax = 10000;
constexpr std::string_view kBom = "\xEF\xBB\xBF";

struct ReadSettings {
  Pairs<std::string> types;
  ByteSize max_row{16 << 20};
  std::optional<std::string> encoding;
};

const Spec<ReadSettings>& read_spec() {
  static const auto spec =
      Spec<ReadSettings>("json", "Reads JSON objects: one a line, one after the other, or in an array")
          .field("types", &ReadSettings::types, "types of columns, by name; the others are guessed",
                 {.example = "{ zip: string }"})
          .field("max_row", &ReadSettings::max_row, "a longer row is a reject")
          .field("encoding", &ReadSettings::encoding, std::string(text::encoding_doc), {.example = "utf-16"})
          .check([](const ReadSettings& settings, const Node& node, Problems& problems) {
            const Node* max_row = node.find("max_row");
            if (settings.max_row.bytes < 1 || settings.max_row.bytes > (1 << 29)) {
              problems.add(max_row != nullptr ? max_row->place : node.place,
                           "max_row: must lie between 1 byte and 512MiB: " + byte_size_text(settings.max_row));
            }
            text::check_encoding(settings.encoding, node, problems);
            for (const auto& type : settings.types) {
              if (const auto parsed = parse_type(type.value); !parsed)
                problems.add(type.place, "types: " + parsed.error().what, parsed.error().hint);
            }
          });
  return spec;
}

/// Where the first record begins and how the others follow; nothing where the text holds no object.
std::optional<Layout> layout_of(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return std::nullopt;
  if (text[first] == '[') return Layout::array;
  if (text[first] != '{') return std::nullopt;
  const std::string padded = std::string(text) + std::string(kPadding, '\0');
  const size_t line_end = std::min(text.find('\n', first), text.size());
  Cursor cursor(padded.data(), first, text.size());
  Token object;
  // Only an object that goes on behind its line is no line; one that is broken is a bad line.
  return cursor.value(object) && object.end > line_end ? Layout::objects : Layout::lines;
}

struct FileColumn {
  std::string name;
  Facts facts;
  Type type;
  csv::DateLayout layout;
  bool fixed = false;    ///< the type was given, by a setting or a contract
  bool awaited = false;  ///< of the contract: no name like it was seen yet
};

class JsonFile : public FileFormat {
 public:
  JsonFile(ReadSettings settings, std::optional<Contract> contract)
      : settings_(std::move(settings)), contract_(std::move(contract)) {}

  Result<> look(const Sample& raw);
  Result<RecalledFormat> recall(const csv::Recalled& known, const Schema& rows);

  Schema schema() const override {
    std::vector<ColumnInfo> columns;
    for (const FileColumn& column : columns_) columns.push_back({column.name, column.type, true});
    return make_schema(columns);
  }
  std::vector<std::string> notes() const override {
    std::vector<std::string> all = notes_;
    all.insert(all.end(), type_notes_.begin(), type_notes_.end());
    return all;
  }
  bool positions_are_bytes() const override { return encoding_.is_utf8(); }
  bool all_as_text() const override { return true; }

  Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, std::unique_ptr<InputStream> stream,
                                       std::shared_ptr<RandomFile> random, Position at, int64_t block_bytes) override;
  Result<> target(const Schema& rows, const std::vector<int>& from_column, const std::optional<Contract>& contract,
                  bool guessed) override;
  Result<> widen(std::unique_ptr<InputStream> stream) override;

 private:
  Result<> see_records(const char* data, size_t size, bool whole, size_t limit, const std::string& name);
  Result<> see_record(Cursor& cursor, const char* data, const std::string& name);
  void guess_types();
  std::unique_ptr<Reader> reader(std::shared_ptr<const Split> split, std::unique_ptr<InputStream> stream, Position at,
                                 int64_t block_bytes) const;

  ReadSettings settings_;
  std::optional<Contract> contract_;
  text::Encoding encoding_;
  Layout layout_ = Layout::lines;
  int64_t mark_ = 0;  ///< bytes of the byte order mark
  std::vector<FileColumn> columns_;
  Names places_;  ///< in columns_, by name
  int64_t records_ = 0;
  std::vector<std::string> notes_, type_notes_;
  std::shared_ptr<const Decoder> decoder_, cut_short_;
};

/// Notes the values of one record; a broken one says nothing.
Result<> JsonFile::see_record(Cursor& cursor, const char* data, const std::string& name) {
  Cursor whole = cursor;
  Token object;
  if (!whole.value(object) || object.kind != Kind::object || !cursor.enter('{')) return {};
  ++records_;
  Token key, value;
  while (cursor.member(key, value)) {
    std::string text(key.in(data));
    if (key.escaped) text.resize(unescape(text.data(), text.size(), text.data()));
    const auto [place, is_new] = places_.try_emplace(std::move(text), columns_.size());
    if (is_new) {
      if (columns_.size() == kColumnsMax)
        return data_error(name, fmt::format("its objects have more than {} names", kColumnsMax),
                          "are they keys of a map? A step before should make rows of them");
      columns_.push_back({place->first, {}, arrow::utf8(), {}, false, false});
    }
    columns_[place->second].awaited = false;
    columns_[place->second].facts.see(data, value);
  }
  return {};
}

Result<> JsonFile::see_records(const char* data, size_t size, bool whole, size_t limit, const std::string& name) {
  RecordPlace place;
  for (size_t at = 0; limit > 0 && next_record(data, at, size, layout_, place); at = place.next, --limit) {
    if (!whole && place.next == size) break;  // it may be cut
    Cursor cursor(data, place.begin, place.end);
    TRY(see_record(cursor, data, name));
  }
  return {};
}

Result<> JsonFile::look(const Sample& raw) {
  encoding_ = text::guess_encoding(raw, settings_.encoding ? text::encoding_named(*settings_.encoding) : std::nullopt);
  const Sample sample = encoding_.is_utf8() ? raw : text::in_utf8(raw, encoding_);
  if (!encoding_.why.empty()) notes_.push_back(fmt::format("encoding {} ({})", encoding_.name, encoding_.why));
  std::string_view text = sample.pieces.empty() ? std::string_view() : std::string_view(sample.pieces[0]);
  if (text.starts_with(kBom)) {
    text.remove_prefix(kBom.size());
    mark_ = static_cast<int64_t>(kBom.size());
  }
  const auto layout = layout_of(text);
  layout_ = layout.value_or(Layout::lines);
  const auto see = [&](std::string_view piece, bool whole) {
    const std::string padded = std::string(piece) + std::string(kPadding, '\0');
    return see_records(padded.data(), piece.size(), whole, kSampleRows, sample.name);
  };
  TRY(see(text, sample.whole));
  for (size_t i = 1; i < sample.pieces.size() && layout_ == Layout::lines; ++i) {
    const std::string_view piece = sample.pieces[i];
    const size_t feed = piece.find('\n');
    if (feed != std::string_view::npos) TRY(see(piece.substr(feed + 1), false));
  }
  if (records_ == 0)
    notes_.push_back("no rows in it");
  else
    notes_.push_back(layout_ == Layout::lines     ? "one JSON object a line"
                     : layout_ == Layout::objects ? "JSON objects, one after the other"
                                                  : "JSON objects in an array");
  if (contract_) {
    // A name that no record of the sample has may come later: it is NULL where it is left out.
    for (const ContractColumn& column : contract_->columns) {
      const std::string key = name_key(column.name);
      const bool seen = std::any_of(columns_.begin(), columns_.end(),
                                    [&](const FileColumn& known) { return name_key(known.name) == key; });
      if (!seen) columns_.push_back({column.name, {}, arrow::utf8(), {}, false, true});
    }
  }
  guess_types();
  return {};
}

void JsonFile::guess_types() {
  type_notes_.clear();
  for (FileColumn& column : columns_) {
    Facts::Guess guess = column.facts.guess();
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
    if (!guess.note.empty())
      type_notes_.push_back(column.name + ": " + guess.note);
    else if (!guess.layout.iso())
      type_notes_.push_back(fmt::format("{}: dates are {}", column.name, guess.layout.text()));
  }
}

Result<> JsonFile::target(const Schema& rows, const std::vector<int>& from_column,
                          const std::optional<Contract>& contract, bool guessed) {
  auto plan = std::make_shared<DecodePlan>();
  plan->layout = layout_;
  plan->schema = rows;
  plan->max_row = settings_.max_row.bytes;
  if (!encoding_.is_utf8()) plan->encoding = encoding_.name;
  csv::Recalled recalled{"json", layout_ == Layout::lines, {}, plan->encoding, {}, {}};
  for (const FileColumn& column : columns_) recalled.columns.push_back({column.name, column.layout});
  plan->facts = std::make_shared<const std::string>(csv::recalled_text(recalled));
  plan->others = guessed                                             ? OtherNames::misfit
                 : contract && contract->extra == ExtraColumns::drop ? OtherNames::drop
                                                                     : OtherNames::refuse;
  std::vector<int> target_of(columns_.size(), -1);
  for (int i = 0; i < rows->num_fields(); ++i) {
    ValuesPlan values;
    values.others = plan->others;
    csv::ColumnPlan& column = values.column;
    column.name = rows->field(i)->name();
    column.type = rows->field(i)->type();
    column.from = from_column[static_cast<size_t>(i)];
    if (column.from >= 0) {
      const FileColumn& file = columns_[static_cast<size_t>(column.from)];
      target_of[static_cast<size_t>(column.from)] = i;
      column.layout = file.layout;
      column.strict = guessed && !file.fixed;
    }
    if (contract) csv::take_contract(*contract, column);
    if (const std::string why = json::unreadable(column); !why.empty())
      return config_error("column " + column.name, why);
    plan->columns.push_back(std::move(values));
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].awaited && target_of[i] >= 0) plan->awaited.emplace(name_key(columns_[i].name), target_of[i]);
    plan->places.emplace(columns_[i].name, plan->names.size());
    plan->names.push_back(columns_[i].name);
    plan->targets.push_back(target_of[i]);
  }
  decoder_ = make_decoder(plan, false);
  cut_short_ = make_decoder(std::move(plan), true);
  return {};
}

/// Names that the file had none of may have come in by hand.
Result<RecalledFormat> JsonFile::recall(const csv::Recalled& known, const Schema& rows) {
  layout_ = known.lines ? Layout::lines : Layout::objects;
  if (known.encoding != "UTF-8") encoding_.name = known.encoding;
  for (const csv::RecalledColumn& column : known.columns)
    columns_.push_back({column.name, {}, arrow::utf8(), column.layout, true, false});
  for (const std::string& missing : match_columns(*rows, *schema()).missing)
    columns_.push_back({missing, {}, arrow::utf8(), {}, true, true});
  TRY(target(rows, match_columns(*rows, *schema()).from_column, contract_, false));
  return RecalledFormat{decoder_, nullptr, nullptr, nullptr};
}

std::unique_ptr<Reader> JsonFile::reader(std::shared_ptr<const Split> split, std::unique_ptr<InputStream> stream,
                                         Position at, int64_t block_bytes) const {
  const int64_t line = at <= mark_ ? 1 : 0;
  if (layout_ == Layout::lines) {
    csv::ReaderOptions options;
    options.dialect.quote = 0;  // a line is a line
    options.dialect.max_row = settings_.max_row.bytes;
    options.block_bytes = block_bytes;
    options.at = at;
    options.skip = mark_;
    options.line = line;
    return csv::make_reader(std::move(split), decoder_, std::move(stream), options);
  }
  return make_reader(std::move(split), decoder_, cut_short_, std::move(stream),
                     {layout_, block_bytes, settings_.max_row.bytes, at, mark_, line});
}

Result<std::unique_ptr<Reader>> JsonFile::open(std::shared_ptr<const Split> split, std::unique_ptr<InputStream> stream,
                                               std::shared_ptr<RandomFile>, Position at, int64_t block_bytes) {
  if (!decoder_) {
    std::vector<int> all;
    std::vector<ColumnInfo> columns = columns_of(*schema());
    for (ColumnInfo& column : columns) {
      all.push_back(static_cast<int>(all.size()));
      if (column.type->id() == arrow::Type::NA) column.type = arrow::utf8();
    }
    TRY(target(make_schema(columns), all, contract_, !contract_));
  }
  ASSIGN(stream, text::in_utf8_from(std::move(stream), encoding_, at, split->name));
  return reader(std::move(split), std::move(stream), at, block_bytes);
}

Result<> JsonFile::widen(std::unique_ptr<InputStream> stream) {
  const auto split = std::make_shared<Split>();
  const auto all = reader(split, text::in_utf8(std::move(stream), encoding_), 0, 4 << 20);
  for (FileColumn& column : columns_) column.facts = Facts();
  while (true) {
    ASSIGN(const Reader::Piece piece, all->read());
    if (piece.block) {
      const auto size = static_cast<int64_t>(piece.block->view().size());
      if (size == piece.block->to - piece.block->from) {
        ASSIGN(const auto bytes, csv::padded(piece.block->bytes));
        TRY(see_records(reinterpret_cast<const char*>(bytes->data()), static_cast<size_t>(size), true,
                        static_cast<size_t>(size) + 1, split->name));
      }
    }
    if (piece.then == Reader::Next::ended) break;
  }
  guess_types();
  type_notes_.push_back("types found from every row");
  return {};
}

int recognise(const Sample& sample) {
  if (sample.pieces.empty()) return 0;
  Sample start{sample.name, {sample.pieces[0].substr(0, 64 << 10)}, sample.whole, -1};
  const auto encoding = text::guess_encoding(start, std::nullopt);
  if (!encoding.is_utf8()) start = text::in_utf8(start, encoding);
  std::string_view text = start.pieces[0];
  if (text.starts_with(kBom)) text.remove_prefix(kBom.size());
  const auto layout = layout_of(text);
  if (!layout) return 0;
  const std::string padded = std::string(text) + std::string(kPadding, '\0');
  RecordPlace place;
  if (!next_record(padded.data(), 0, text.size(), *layout, place)) return *layout == Layout::array ? 60 : 0;
  Cursor cursor(padded.data(), place.begin, place.end);
  Token object;
  if (cursor.value(object) && object.kind == Kind::object) return 90;
  // The one that is cut by the end of the sample, or a broken one: an object's first name tells.
  Cursor begun(padded.data(), place.begin, place.end);
  return begun.enter('{') && begun.member(object, object) ? 85 : 40;
}

}  // namespace

}  // namespace trommel::json

namespace trommel {

FormatKind json_format() {
  FormatKind kind;
  kind.name = "json";
  kind.extensions = {"json", "jsonl", "ndjson"};
  kind.spec = &json::read_spec().info();
  kind.recognise = json::recognise;
  kind.look = [](const Sample& sample, std::shared_ptr<RandomFile>, const Node& settings,
                 const std::optional<Contract>& contract, Problems& problems) -> Result<std::shared_ptr<FileFormat>> {
    const size_t before = problems.size();
    auto parsed = json::read_spec().parse(settings, problems);
    if (problems.size() > before) parsed = json::ReadSettings{};
    auto file = std::make_shared<json::JsonFile>(std::move(parsed), contract);
    TRY(file->look(sample));
    return file;
  };
  kind.recall = [](const std::string& facts, const Schema& rows, const Node& settings,
                   const std::optional<Contract>& contract) -> Result<RecalledFormat> {
    ASSIGN(const csv::Recalled known, csv::parse_recalled(facts));
    Problems problems;
    auto parsed = json::read_spec().parse(settings, problems);
    if (!problems.empty()) return config_error("json", problems.text());
    return json::JsonFile(std::move(parsed), contract).recall(known, rows);
  };
  return kind;
}

}  // namespace trommel
