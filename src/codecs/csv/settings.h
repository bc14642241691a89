// What a user may say about CSV files.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "codecs/csv/dialect.h"
#include "codecs/csv/sniff.h"
#include "spec/spec.h"

namespace trommel::csv {

enum class Ragged { reject, pad };

struct ReadSettings {
  std::optional<std::string> delimiter, quote, escape;
  std::optional<std::variant<bool, std::vector<std::string>>> header;
  std::optional<std::vector<std::string>> nulls;
  Pairs<std::string> types;
  int64_t skip = 0;
  Ragged ragged = Ragged::reject;
  ByteSize max_row{16 << 20};
  std::optional<std::string> encoding;

  /// Fills in what was said; call only after parsing found no problems.
  DialectHints hints() const;
  Dialect base() const;
};

struct WriteSettings {
  std::string delimiter = ",";
  bool header = true;
};

const Spec<ReadSettings>& read_spec();
const Spec<WriteSettings>& write_spec();

/// Tells what is wrong with a setting that is to be one character.
void check_byte(const std::optional<std::string>& text, const char* name, bool none_allowed, const Node& node,
                Problems& problems);

/// `,`, `tab`, `none`: one byte, or nullopt where it is none of these.
std::optional<char> parse_byte(std::string_view text);

}  // namespace trommel::csv

namespace trommel {
template <>
struct EnumNames<csv::Ragged> {
  static constexpr EnumName<csv::Ragged> list[] = {{"reject", csv::Ragged::reject}, {"pad", csv::Ragged::pad}};
};
}  // namespace trommel
