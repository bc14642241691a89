#include "connectors/clickhouse/dialect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

namespace trommel::clickhouse {
namespace {

enum class TokenKind { word, quoted_name, text, parameter, blank, other };

struct Token {
  TokenKind kind = TokenKind::other;
  std::string_view text;  ///< as it stands, quotes and `$` included
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

size_t end_of_quoted(std::string_view sql, size_t at) {
  const char quote = sql[at];
  for (size_t i = at + 1; i < sql.size(); ++i) {
    if (sql[i] == '\\') {
      ++i;
    } else if (sql[i] == quote) {
      if (i + 1 == sql.size() || sql[i + 1] != quote) return i + 1;
      ++i;  // doubled: one of the text's own
    }
  }
  return sql.size();
}

size_t end_after(std::string_view sql, std::string_view what, size_t from) {
  const size_t found = sql.find(what, from);
  return found == std::string_view::npos ? sql.size() : found + what.size();
}

template <class Is>
size_t end_while(std::string_view sql, size_t at, Is is) {
  while (at < sql.size() && is(sql[at])) ++at;
  return at;
}

Token token_at(std::string_view sql, size_t at) {
  const auto to = [&](TokenKind kind, size_t end) { return Token{kind, sql.substr(at, end - at)}; };
  const auto in_word = [](char c) { return is_letter(c) || is_digit(c); };
  const char c = sql[at], next = at + 1 < sql.size() ? sql[at + 1] : '\0';
  if (is_blank(c)) return to(TokenKind::blank, end_while(sql, at, is_blank));
  if (c == '-' && next == '-') return to(TokenKind::blank, end_after(sql, "\n", at));
  if (c == '/' && next == '*') return to(TokenKind::blank, end_after(sql, "*/", at + 2));
  if (c == '\'') return to(TokenKind::text, end_of_quoted(sql, at));
  if (c == '"' || c == '`') return to(TokenKind::quoted_name, end_of_quoted(sql, at));
  if (c == '$' && is_letter(next)) return to(TokenKind::parameter, end_while(sql, at + 1, in_word));
  if (is_letter(c)) return to(TokenKind::word, end_while(sql, at, in_word));
  // A number is one token with what may be in it, so that the e of 1e5 is no word.
  if (is_digit(c)) return to(TokenKind::other, end_while(sql, at, [&](char d) { return in_word(d) || d == '.'; }));
  return to(TokenKind::other, at + 1);
}

std::vector<Token> tokens_of(std::string_view sql) {
  std::vector<Token> out;
  for (size_t at = 0; at < sql.size(); at += out.back().text.size()) out.push_back(token_at(sql, at));
  return out;
}

bool is_word(const Token& token, std::string_view word) {
  return token.kind == TokenKind::word && same_name(token.text, word);
}

/// A name without its quotes.
std::string plain_name(const Token& token) {
  if (token.kind == TokenKind::word) return std::string(token.text);
  const char quote = token.text.front();
  std::string out;
  for (size_t i = 1; i + 1 < token.text.size(); ++i) {
    if ((token.text[i] == quote || token.text[i] == '\\') && i + 2 < token.text.size()) ++i;
    out += token.text[i];
  }
  return out;
}

using Tokens = std::span<const Token>;

size_t skip_blanks(Tokens tokens, size_t at) {
  while (at < tokens.size() && tokens[at].kind == TokenKind::blank) ++at;
  return at;
}

/// Where the bracket that opens at `open` is closed; `tokens.size()` where it is not.
size_t closing(Tokens tokens, size_t open) {
  int depth = 0;
  for (size_t i = open; i < tokens.size(); ++i) {
    if (tokens[i].text == "(") ++depth;
    if (tokens[i].text == ")" && --depth == 0) return i;
  }
  return tokens.size();
}

/// The first token between brackets that `is` one, and within no bracket of its own.
template <class Is>
size_t find_outside(Tokens tokens, size_t from, size_t end, Is is) {
  int depth = 0;
  for (size_t i = from; i < end; ++i) {
    if (tokens[i].text == "(") ++depth;
    if (tokens[i].text == ")") --depth;
    if (depth == 0 && is(tokens[i])) return i;
  }
  return end;
}

std::string joined(Tokens tokens) {
  std::string out;
  for (const Token& token : tokens) out += token.text;
  return out;
}

struct Word {
  std::string_view standard, ours;
};

/// `toStartOf...` by the first argument of date_trunc.
constexpr std::array<Word, 7> kStarts = {{{"'minute'", "toStartOfMinute"},
                                          {"'hour'", "toStartOfHour"},
                                          {"'day'", "toStartOfDay"},
                                          {"'week'", "toMonday"},
                                          {"'month'", "toStartOfMonth"},
                                          {"'quarter'", "toStartOfQuarter"},
                                          {"'year'", "toStartOfYear"}}};

/// What makes a value of a type, or NULL, of a text.
constexpr std::array<Word, 20> kReaders = {{{"TINYINT", "toInt8OrNull"},
                                            {"SMALLINT", "toInt16OrNull"},
                                            {"INT", "toInt32OrNull"},
                                            {"INTEGER", "toInt32OrNull"},
                                            {"INT4", "toInt32OrNull"},
                                            {"INT32", "toInt32OrNull"},
                                            {"BIGINT", "toInt64OrNull"},
                                            {"INT8", "toInt64OrNull"},
                                            {"INT64", "toInt64OrNull"},
                                            {"UTINYINT", "toUInt8OrNull"},
                                            {"USMALLINT", "toUInt16OrNull"},
                                            {"UINTEGER", "toUInt32OrNull"},
                                            {"UBIGINT", "toUInt64OrNull"},
                                            {"FLOAT", "toFloat32OrNull"},
                                            {"REAL", "toFloat32OrNull"},
                                            {"DOUBLE", "toFloat64OrNull"},
                                            {"FLOAT8", "toFloat64OrNull"},
                                            {"VARCHAR", ""},
                                            {"TEXT", ""},
                                            {"STRING", ""}}};

bool has_datetime64(const Engine& engine) { return engine.at_least(20, 5); }

class Translation {
 public:
  explicit Translation(const Engine& engine) : engine_(engine) {}

  std::string text(Tokens tokens) const {
    std::string out;
    for (size_t at = 0; at < tokens.size();) {
      const size_t open = skip_blanks(tokens, at + 1);
      const bool called = tokens[at].kind == TokenKind::word && open < tokens.size() && tokens[open].text == "(";
      const size_t close = called ? closing(tokens, open) : tokens.size();
      std::optional<std::string> put;
      if (called && close < tokens.size()) {
        if (is_word(tokens[at], "TRY_CAST")) put = try_cast(tokens, open, close);
        if (is_word(tokens[at], "date_trunc")) put = date_trunc(tokens, open, close);
      }
      out += put ? *put : std::string(tokens[at].text);
      at = put ? close + 1 : at + 1;
    }
    return out;
  }

 private:
  std::optional<std::string> try_cast(Tokens tokens, size_t open, size_t close) const {
    const size_t as = find_outside(tokens, open + 1, close, [](const Token& token) { return is_word(token, "AS"); });
    if (as == close) return std::nullopt;
    const std::string value = fmt::format("toString({})", text(tokens.subspan(open + 1, as - open - 1)));
    std::string type = joined(tokens.subspan(as + 1, close - as - 1));
    std::erase_if(type, is_blank);
    if (same_name(type, "TIMESTAMP") || same_name(type, "DATETIME")) return moment(value);
    if (same_name(type, "DATE"))
      return fmt::format("{}({})", engine_.at_least(21, 9) ? "toDate32" : "toDate", moment(value));
    const auto reader =
        std::ranges::find_if(kReaders, [&](const Word& word) { return same_name(word.standard, type); });
    if (reader == kReaders.end()) return std::nullopt;
    return reader->ours.empty() ? value : fmt::format("{}({})", reader->ours, value);
  }

  std::string moment(const std::string& value) const {
    return has_datetime64(engine_) ? fmt::format("parseDateTime64BestEffortOrNull({}, 6{})", value,
                                                 engine_.at_least(23, 7) ? "" : ", 'UTC'")
                                   : fmt::format("parseDateTimeBestEffortOrNull({}, 'UTC')", value);
  }

  std::optional<std::string> date_trunc(Tokens tokens, size_t open, size_t close) const {
    if (engine_.at_least(20, 8)) return std::nullopt;
    const size_t unit = skip_blanks(tokens, open + 1), comma = skip_blanks(tokens, unit + 1);
    if (comma >= close || tokens[comma].text != ",") return std::nullopt;
    const auto start =
        std::ranges::find_if(kStarts, [&](const Word& word) { return same_name(word.standard, tokens[unit].text); });
    if (start == kStarts.end()) return std::nullopt;
    return fmt::format("{}({})", start->ours, text(tokens.subspan(comma + 1, close - comma - 1)));
  }

  const Engine& engine_;
};

}  // namespace

Settings standard_settings(const Engine& engine) {
  Settings out;
  if (engine.at_least(20, 3)) out.emplace_back("low_cardinality_allow_in_native_format", "0");
  if (engine.at_least(21, 2)) {
    out.emplace_back("prefer_column_name_to_alias", "1");
    out.emplace_back("union_default_mode", "DISTINCT");
    out.emplace_back("cast_keep_nullable", "1");
    out.emplace_back("join_use_nulls", "1");
  }
  if (engine.at_least(23, 7)) {
    out.emplace_back("session_timezone", "UTC");
    // Views are read FINAL: what a question asks of the columns of their key is looked at before versions are compared.
    out.emplace_back("optimize_move_to_prewhere_if_final", "1");
  }
  return out;
}

std::string to_clickhouse(std::string_view sql, const Engine& engine) {
  return Translation(engine).text(tokens_of(sql));
}

std::vector<std::string> parameters_in(std::string_view sql) {
  std::vector<std::string> out;
  for (const Token& token : tokens_of(sql)) {
    if (token.kind != TokenKind::parameter) continue;
    const auto name = std::string(token.text.substr(1));
    if (std::ranges::find(out, name) == out.end()) out.push_back(name);
  }
  return out;
}

std::string with_parameters(std::string_view sql, const std::function<std::string(std::string_view name)>& written) {
  std::string out;
  for (const Token& token : tokens_of(sql))
    out += token.kind == TokenKind::parameter ? written(token.text.substr(1)) : std::string(token.text);
  return out;
}

std::optional<std::string> reading(std::string_view sql, std::string_view table, std::string_view subselect) {
  const auto tokens = tokens_of(sql);
  const Tokens all(tokens);
  std::optional<size_t> at;
  int depth = 0;
  bool behind_distinct = false;  // IS DISTINCT FROM
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].text == "(") ++depth;
    if (all[i].text == ")") --depth;
    if (depth == 0 && is_word(all[i], "FROM") && !behind_distinct) {
      if (at) return std::nullopt;
      at = skip_blanks(all, i + 1);
    }
    if (all[i].kind != TokenKind::blank) behind_distinct = is_word(all[i], "DISTINCT");
  }
  if (!at || *at >= all.size()) return std::nullopt;
  const Token& name = all[*at];
  const bool is_name = name.kind == TokenKind::word || name.kind == TokenKind::quoted_name;
  if (!is_name || !same_name(plain_name(name), table)) return std::nullopt;
  static constexpr std::array<std::string_view, 9> kClauses = {"WHERE", "GROUP",    "HAVING",   "ORDER",  "LIMIT",
                                                               "UNION", "PREWHERE", "SETTINGS", "QUALIFY"};
  const size_t next = skip_blanks(all, *at + 1);
  const bool clause = next >= all.size() || all[next].text == ";" ||
                      std::ranges::any_of(kClauses, [&](auto word) { return is_word(all[next], word); });
  const bool named = !clause && (all[next].kind == TokenKind::word || all[next].kind == TokenKind::quoted_name);
  if (!clause && !named) return std::nullopt;
  return joined(all.first(*at)) + fmt::format("({}){}", subselect, named ? "" : " AS " + quote_name(plain_name(name))) +
         joined(all.subspan(*at + 1));
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

bool names_in(std::string_view sql, std::string_view name) {
  return std::ranges::any_of(tokens_of(sql), [&](const Token& token) {
    const bool is_name = token.kind == TokenKind::word || token.kind == TokenKind::quoted_name;
    return is_name && same_name(plain_name(token), name);
  });
}

bool has_escapes(std::string_view sql) {
  return std::ranges::any_of(tokens_of(sql), [](const Token& token) {
    return token.kind == TokenKind::text && token.text.find('\\') != std::string_view::npos;
  });
}

}  // namespace trommel::clickhouse
