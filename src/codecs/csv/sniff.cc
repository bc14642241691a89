#include "codecs/csv/sniff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "codecs/csv/columns.h"
#include "codecs/csv/decode.h"
#include "codecs/csv/guess.h"

namespace trommel::csv {

namespace {

constexpr size_t kDialectBytes = 128 << 10;
constexpr size_t kDialectRows = 2000;

/// How well a dialect explains the sample.
struct Trial {
  Dialect dialect;
  double score = 0;
  size_t rows = 0, usual = 0, agree = 0, broken = 0, quoted = 0;
  bool first_agrees = false;
};

Trial attempt(std::string_view text, bool whole, const Dialect& dialect) {
  Trial trial{dialect};
  const auto sample = sample_rows(text, whole, dialect, kDialectRows);
  trial.rows = sample->rows.size();
  trial.broken = sample->broken;
  if (trial.rows == 0) return trial;
  trial.usual = sample->usual_fields();
  for (const auto& row : sample->rows) {
    trial.agree += row.fields.size() == trial.usual ? 1 : 0;
    for (const auto& field : row.fields) trial.quoted += field.quoted ? 1 : 0;
  }
  trial.first_agrees = sample->rows[0].fields.size() == trial.usual;
  const double share = static_cast<double>(trial.agree) / static_cast<double>(trial.rows + trial.broken);
  // A header that does not agree speaks against a delimiter: commas of decimals stand in no header.
  trial.score =
      share * (trial.first_agrees ? 1 : 0.5) * (1 + 0.01 * static_cast<double>(std::min<size_t>(trial.usual, 50)));
  return trial;
}

/// Every line is one number, date or time: a `:` in it is no delimiter.
bool one_typed_column(std::string_view text, bool whole) {
  Dialect lines;
  lines.delimiter = '\n';
  lines.quote = 0;
  const auto sample = sample_rows(text, whole, lines, 100);
  if (sample->rows.size() < 2) return true;
  for (size_t i = 1; i < sample->rows.size(); ++i) {
    if (types_of(sample->rows[i].fields[0].text) == 0) return false;
  }
  return true;
}

std::string shown_char(char c) {
  if (c == '\t') return "tab";
  if (c == '\0') return "none";
  return fmt::format("'{}'", c);
}

/// Fields that begin with a single quote all end with one, and there are some.
bool single_quotes_pair(std::string_view text, bool whole, const Dialect& dialect) {
  Dialect plain = dialect;
  plain.quote = 0;
  const auto sample = sample_rows(text, whole, plain, kDialectRows);
  size_t begin = 0, end = 0;
  for (const auto& row : sample->rows) {
    for (const auto& field : row.fields) {
      begin += field.text.size() > 1 && field.text.front() == '\'' ? 1 : 0;
      end += field.text.size() > 1 && field.text.back() == '\'' ? 1 : 0;
    }
  }
  return begin >= 2 && begin == end;
}

bool has_lone_cr(std::string_view text) {
  for (size_t at = text.find('\r'); at != std::string_view::npos; at = text.find('\r', at + 1)) {
    if (at + 1 < text.size() ? text[at + 1] != '\n' : true) return true;
  }
  return false;
}

}  // namespace

size_t SampleRows::usual_fields() const {
  if (rows.empty()) return 0;
  std::map<size_t, size_t> counts;
  for (const Row& row : rows) ++counts[row.fields.size()];
  size_t usual = rows[0].fields.size();
  for (const auto& [fields, count] : counts) {
    if (count > counts[usual]) usual = fields;
  }
  return usual;
}

std::unique_ptr<SampleRows> sample_rows(std::string_view text, bool whole, const Dialect& dialect, size_t limit) {
  auto sample = std::make_unique<SampleRows>();
  sample->bytes.reserve(text.size() + kPadding);
  sample->bytes = text;
  sample->bytes.append(kPadding, '\0');
  const char* data = sample->bytes.data();
  Index index;
  index_block(data, text.size(), dialect, index);
  const FieldFinder finder(data, text.size(), dialect, index);
  size_t broken = 0, count = index.row_count();
  if (!whole && count > 0 && index.rows[count].start >= text.size()) --count;
  for (size_t row = 0; row < count && sample->rows.size() < limit; ++row) {
    if (broken < index.broken.size() && index.broken[broken].row == row) {
      ++broken;
      continue;
    }
    const size_t fields = index.fields(row);
    if (fields == 1 && finder.content_end(row) == index.rows[row].start) continue;
    SampleRows::Row out{index.rows[row].start, index.rows[row + 1].start, {}};
    for (size_t column = 0; column < fields; ++column) {
      const auto which = static_cast<uint32_t>(row);
      Span span{};
      finder.fields({&which, 1}, column, fields, &span);
      SampleRows::Field field{span.in(data), span.quoted != 0};
      if (span.escaped) {
        sample->undone.push_back(plain_text(field.text, dialect));
        sample->undone.back().append(kPadding, '\0');
        field.text = std::string_view();
      }
      out.fields.push_back(field);
    }
    sample->rows.push_back(std::move(out));
  }
  sample->broken = broken;
  // Only now, since the strings moved while there came more of them.
  size_t next = 0;
  for (auto& row : sample->rows) {
    for (auto& field : row.fields) {
      if (field.text.data() == nullptr) {
        const std::string& plain = sample->undone[next++];
        field.text = std::string_view(plain).substr(0, plain.size() - kPadding);
      }
    }
  }
  return sample;
}

size_t find_record(std::string_view piece, const Dialect& dialect, size_t fields) {
  size_t at = 0;
  for (int tries = 0; tries < 50; ++tries) {
    at = piece.find(dialect.lone_cr ? "\r" : "\n", at);
    if (at == std::string_view::npos) return at;
    ++at;
    const auto sample = sample_rows(piece.substr(at, 256 << 10), false, dialect, 3);
    // A quote within an unquoted field is the sign of having begun between quotes.
    const auto sound = [&](const SampleRows::Row& row) {
      return row.fields.size() == fields &&
             std::all_of(row.fields.begin(), row.fields.end(), [&](const SampleRows::Field& field) {
               return field.quoted || dialect.quote == 0 || field.text.find(dialect.quote) == std::string_view::npos;
             });
    };
    if (sample->broken == 0 && !sample->rows.empty() && std::all_of(sample->rows.begin(), sample->rows.end(), sound))
      return at;
  }
  return std::string_view::npos;
}

Dialect guess_dialect(std::string_view text, bool whole, const DialectHints& hints, const Dialect& base,
                      std::vector<std::string>& notes) {
  if (text.size() > kDialectBytes) {
    text = text.substr(0, kDialectBytes);
    whole = false;
  }
  std::vector<char> delimiters = {',', '\t', ';', '|'};
  if (hints.delimiter)
    delimiters = {*hints.delimiter};
  else if (text.find(':') != std::string_view::npos && !one_typed_column(text, whole))
    delimiters.push_back(':');
  // Delimiters that stand nowhere all divide the rows the same way, not at all: one of them is tried.
  bool absent = false;
  std::erase_if(delimiters, [&](char delimiter) {
    return text.find(delimiter) == std::string_view::npos && std::exchange(absent, true);
  });
  std::vector<bool> lone_crs = {false};
  if (has_lone_cr(text)) {
    lone_crs = text.find('\n') == std::string_view::npos ? std::vector<bool>{true} : std::vector<bool>{false, true};
  }
  Trial best;
  best.score = -1;
  for (const bool lone_cr : lone_crs) {
    for (const char delimiter : delimiters) {
      Dialect dialect = base;
      dialect.delimiter = delimiter;
      dialect.lone_cr = lone_cr;
      dialect.quote = hints.quote.value_or('"');
      dialect.escape = hints.escape.value_or('\0');
      Trial trial = attempt(text, whole, dialect);
      if (!hints.escape && text.find('\\') != std::string_view::npos && dialect.quote != 0) {
        Dialect escaped = dialect;
        escaped.escape = '\\';
        const Trial other = attempt(text, whole, escaped);
        if (other.broken < trial.broken) trial = other;
      }
      if (!hints.quote && trial.quoted == 0 && text.find('\'') != std::string_view::npos &&
          single_quotes_pair(text, whole, dialect)) {
        Dialect single = dialect;
        single.quote = '\'';
        const Trial other = attempt(text, whole, single);
        if (other.broken == 0 && other.quoted > 0) trial = other;
      }
      if (!hints.delimiter && trial.usual < 2) trial.score = std::min(trial.score, 0.4);
      if (delimiter == ':' && !hints.delimiter) trial.score *= 0.6;
      if (trial.score > best.score) best = trial;
    }
  }
  const Dialect& found = best.dialect;
  if (best.rows > 0) {
    if (!hints.delimiter && best.usual > 1) {
      notes.push_back(fmt::format("delimiter {} ({} of the first {} rows have {} fields)", shown_char(found.delimiter),
                                  best.agree, best.rows + best.broken, best.usual));
    } else if (!hints.delimiter) {
      notes.push_back("one column (no delimiter divides the rows evenly)");
    }
    if (!hints.quote && found.quote != '"')
      notes.push_back(fmt::format("quote {} (fields begin and end with it)", shown_char(found.quote)));
    if (!hints.escape && found.escape != 0)
      notes.push_back(fmt::format("escape {} (stands before quotes within quotes)", shown_char(found.escape)));
    if (found.lone_cr) notes.push_back("line ends: a carriage return alone");
  }
  return found;
}

}  // namespace trommel::csv
