#include "codecs/json/facts.h"

#include <arrow/api.h>
#include <fmt/format.h>

namespace trommel::json {

namespace {

/// The types of texts: JSON writes numbers and truth values as themselves, so a text that looks like one is meant as
/// text.
uint64_t types_of_text(std::string_view text) {
  static const uint64_t others = [] {
    uint64_t bits = 0;
    for (const std::string_view number : {"1", "1.5", "12345678901234567890123", "true", "nan"}) {
      const std::string padded = std::string(number) + std::string(kPadding, '\0');
      bits |= csv::types_of(std::string_view(padded).substr(0, number.size()));
    }
    return bits;
  }();
  constexpr size_t shortest = 8, longest = 40;  // 00:00:00, and a timestamp with all its digits and a zone
  if (text.size() < shortest || text.size() > longest || text.front() == ' ' || text.back() == ' ') return 0;
  return csv::types_of(text) & ~others;
}

}  // namespace

void Facts::see_text(const char* data, const Token& value) {
  ++scalars_.values;
  if (scalars_.types == 0) return;
  scalars_.types &= value.escaped ? 0 : types_of_text(value.in(data));
  if (scalars_.types == 0) scalars_.spoiler = std::string(value.in(data).substr(0, 100));
}

void Facts::see(const char* data, const Token& value, int depth) {
  switch (value.kind) {
    case Kind::null:
      return;
    case Kind::boolean:
    case Kind::number:
      return scalars_.see(value.in(data), {});
    case Kind::string:
      return see_text(data, value);
    default:
      break;
  }
  const bool object = value.kind == Kind::object;
  (object ? has_objects_ : has_arrays_) = true;
  flat_ |= depth >= kNestedMax;
  if (flat_) return;
  Cursor cursor(data, value.begin, value.end);
  Token name, part;
  cursor.enter(object ? '{' : '[');
  while (object && cursor.member(name, part)) {
    std::string text(name.in(data));
    if (name.escaped) text.resize(unescape(text.data(), text.size(), text.data()));
    const auto [place, is_new] = places_.try_emplace(std::move(text), fields_.size());
    if (is_new && fields_.size() == kFieldsMax) {
      flat_ = true;
      fields_.clear();
      places_.clear();
      return;
    }
    if (is_new) fields_.emplace_back(place->first, std::make_unique<Facts>());
    fields_[place->second].second->see(data, part, depth + 1);
  }
  while (!object && cursor.item(part)) {
    if (!items_) items_ = std::make_unique<Facts>();
    items_->see(data, part, depth + 1);
  }
}

Facts::Guess Facts::guess() const {
  const bool plain = scalars_.values > 0;
  if (!has_objects_ && !has_arrays_) {
    if (!plain) return {arrow::null(), {}, {}};
    const csv::TypeGuess found = csv::guess_type(scalars_);
    Guess guess{found.type, found.layout, {}};
    if (found.undecided_date) guess.note = "text, since nothing tells day from month (no day above 12)";
    return guess;
  }
  if (plain || (has_objects_ && has_arrays_))
    return {arrow::utf8(), {}, "JSON text, since its values are of several kinds"};
  if (flat_ && fields_.empty() && has_objects_)
    return {arrow::utf8(),
            {},
            fmt::format("JSON text, since its objects have more than {} names or nest too deep", kFieldsMax)};
  if (flat_) return {arrow::utf8(), {}, "JSON text, since its values nest too deep"};
  if (has_arrays_) {
    Guess item = items_ ? items_->guess() : Guess{arrow::utf8(), {}, {}};
    // There is one way to write a date in a nested value, so that one is read by the type alone.
    if (!item.layout.iso() || item.type->id() == arrow::Type::NA) item.type = arrow::utf8();
    return {arrow::list(item.type), {}, item.note.empty() ? "" : "in its lists: " + item.note};
  }
  if (fields_.empty()) return {arrow::utf8(), {}, "JSON text, since its objects are empty"};
  arrow::FieldVector fields;
  std::string note;
  for (const auto& [name, facts] : fields_) {
    Guess field = facts->guess();
    if (!field.layout.iso() || field.type->id() == arrow::Type::NA) field.type = arrow::utf8();
    if (!field.note.empty() && note.empty()) note = "in " + name + ": " + field.note;
    fields.push_back(arrow::field(name, field.type));
  }
  return {arrow::struct_(std::move(fields)), {}, note};
}

}  // namespace trommel::json
