// What the values under a name allow its column to be.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "batch/types.h"
#include "codecs/csv/guess.h"
#include "codecs/json/token.h"

namespace trommel::json {

/// More names than this in the objects of one place, and they are keys of a map rather than columns: text.
inline constexpr size_t kFieldsMax = 200;
/// Objects and arrays nested deeper than this are text.
inline constexpr int kNestedMax = 12;

/// All that was seen under one name, in its objects and arrays too.
class Facts {
 public:
  /// `data` with kPadding behind its values.
  void see(const char* data, const Token& value, int depth = 0);

  struct Guess {
    Type type;
    csv::DateLayout layout;
    std::string note;  ///< why it is text, where one would wonder
  };
  /// Null where there was no value, so that other files have their say. Numbers, truth values, dates, times and
  /// timestamps by the rules of CSV; of texts only those that hold a date or time are more than text. Objects are
  /// structs, arrays lists. What differs in kind is text: the JSON of objects and arrays, the value as written of
  /// others.
  Guess guess() const;

 private:
  void see_text(const char* data, const Token& value);

  csv::ColumnFacts scalars_;
  bool has_objects_ = false, has_arrays_ = false;
  bool flat_ = false;  ///< too deep or too many names
  std::vector<std::pair<std::string, std::unique_ptr<Facts>>> fields_;
  std::unordered_map<std::string, size_t> places_;
  std::unique_ptr<Facts> items_;
};

}  // namespace trommel::json
