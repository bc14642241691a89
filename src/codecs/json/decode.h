// JSON blocks to batches.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "codecs/json/columns.h"
#include "component/source.h"

namespace trommel::json {

/// How records lie in a file.
enum class Layout {
  lines,    ///< one a line
  objects,  ///< one after the other, over any number of lines
  array,    ///< in one array
};

/// Bytes that are kept of a record longer than max_row.
inline constexpr size_t kept_of_long_record = 64 << 10;

struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using Names = std::unordered_map<std::string, size_t, NameHash, std::equal_to<>>;

/// Everything that decoding rests on; never changes once a decoder was made.
struct DecodePlan {
  Layout layout = Layout::lines;
  std::vector<std::string> names;   ///< of the file, as they mostly follow each other
  std::vector<int> targets;         ///< which column of the rows each of them is; -1: none
  Names places;                     ///< in `names`
  std::vector<ValuesPlan> columns;  ///< of the rows handed on
  Schema schema;
  OtherNames others = OtherNames::drop;  ///< what becomes of names that are not known
  /// By their key (`name_key`): columns of a contract that no name was found for yet.
  std::unordered_map<std::string, int> awaited;
  int64_t max_row = 16 << 20;
  std::string encoding = "UTF-8";
  std::shared_ptr<const std::string> facts;  ///< see Decoder::facts
};

/// `cut_short`: for the last block of a file whose array is not closed.
std::shared_ptr<const Decoder> make_decoder(std::shared_ptr<const DecodePlan> plan, bool cut_short);

/// The next record of a block from `at` on; false behind the last. `end` is one past its last byte that is not blank,
/// `next` where to go on.
struct RecordPlace {
  size_t begin = 0, end = 0, next = 0;
};
bool next_record(const char* data, size_t at, size_t size, Layout layout, RecordPlace& place);

/// Decodes the records at `places` of a block (rising, apart from each other, kPadding readable bytes behind the block)
/// as a decoder would that had found them there.
Result<> decode_records(const DecodePlan& plan, const Block& block, std::span<const RecordPlace> places,
                        Outlet& outlet);

}  // namespace trommel::json
