// Writes a CSV of mixed types, the same bytes for the same seed and size.
//
//   bench_generate FILE BYTES [SEED]
//
// Ten columns: numbers, text with commas and quotes, dates, timestamps; an empty unquoted field is NULL. It ends with
// the first whole row at or past BYTES. Rows depend on their number and the seed only, so a longer file begins with a
// shorter one.
#include <fmt/compile.h>
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

namespace {

/// splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0 to `below` - 1; the bias is far under what anybody could see here.
  uint64_t below(uint64_t limit) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * limit) >> 64);
  }
  bool one_in(uint64_t n) { return below(n) == 0; }

 private:
  uint64_t state_;
};

constexpr std::array<std::string_view, 12> kCities = {"Lisbon", "Oslo",   "Kraków", "Zürich", "Porto", "Graz",
                                                      "Lyon",   "Bergen", "Turku",  "Ghent",  "Malmö", "Split"};
constexpr std::array<std::string_view, 24> kWords = {
    "washed", "coarse", "gravel", "sand",  "belt",  "drum",  "screen", "sorted", "fine", "clay",  "loose", "batch",
    "dry",    "quarry", "load",   "shift", "north", "south", "mixed",  "heavy",  "lime", "river", "spare", "bucket"};

/// Days since 1970 to a civil date, by the era arithmetic of Hinnant's "chrono-compatible low-level date algorithms".
struct Day {
  int year;
  unsigned month, day;
};
Day civil(int64_t days) {
  days += 719468;
  const int64_t era = days / 146097;
  const auto of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted = (5 * of_year + 2) / 153;
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {static_cast<int>(year_of_era + era * 400) + (month <= 2 ? 1 : 0), month,
          of_year - (153 * shifted + 2) / 5 + 1};
}

void append_words(std::string& out, Dice& dice, uint64_t count, std::string_view between) {
  for (uint64_t i = 0; i < count; ++i) {
    if (i > 0) out += between;
    out += kWords[dice.below(kWords.size())];
  }
}

void append_note(std::string& out, Dice& dice) {
  switch (dice.below(8)) {
    case 0:
      return;  // NULL
    case 1:
      out += '"';
      append_words(out, dice, 2 + dice.below(4), ", ");
      out += '"';
      return;
    case 2:
      out += "\"said \"\"";
      append_words(out, dice, 1 + dice.below(3), " ");
      out += "\"\", then ";
      append_words(out, dice, 1 + dice.below(3), " ");
      out += '"';
      return;
    default:
      append_words(out, dice, 2 + dice.below(5), " ");
  }
}

void append_row(std::string& out, uint64_t row, uint64_t seed) {
  Dice dice(seed ^ (row * 0xd1342543de82ef95));
  auto to = std::back_inserter(out);
  fmt::format_to(to, FMT_COMPILE("{},{},"), row + 1, 1'000'000 + dice.below(250'000));
  out += kCities[dice.below(kCities.size())];
  out += ',';
  if (!dice.one_in(20)) fmt::format_to(to, FMT_COMPILE("{}.{:02}"), dice.below(100'000), dice.below(100));
  out += ',';
  if (!dice.one_in(10))
    fmt::format_to(to, FMT_COMPILE("{}{}.{:06}"), dice.one_in(2) ? "-" : "", dice.below(180), dice.below(1'000'000));
  out += ',';
  if (!dice.one_in(15)) fmt::format_to(to, FMT_COMPILE("{}"), dice.below(40));
  out += dice.one_in(3) ? ",true," : ",false,";
  const Day day = civil(18'262 + static_cast<int64_t>(dice.below(1'826)));  // 2020 to 2024
  fmt::format_to(to, FMT_COMPILE("{:04}-{:02}-{:02},"), day.year, day.month, day.day);
  const Day at = civil(19'723 + static_cast<int64_t>(row / 60'000 % 366));
  const uint64_t second = dice.below(86'400);
  fmt::format_to(to, FMT_COMPILE("{:04}-{:02}-{:02} {:02}:{:02}:{:02},"), at.year, at.month, at.day, second / 3600,
                 second / 60 % 60, second % 60);
  append_note(out, dice);
  out += '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: bench_generate FILE BYTES [SEED]\n");
    return 64;
  }
  const uint64_t wanted = std::strtoull(argv[2], nullptr, 10);
  const uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
  FILE* file = std::fopen(argv[1], "wb");
  if (file == nullptr) {
    fmt::print(stderr, "{}: cannot be written\n", argv[1]);
    return 1;
  }
  std::string piece = "id,customer,city,amount,longitude,level,active,day,at,note\n";
  uint64_t written = 0, row = 0;
  bool good = true;
  while (good && written + piece.size() < wanted) {
    append_row(piece, row++, seed);
    if (piece.size() >= (1 << 20)) {
      good = std::fwrite(piece.data(), 1, piece.size(), file) == piece.size();
      written += piece.size();
      piece.clear();
    }
  }
  good = good && std::fwrite(piece.data(), 1, piece.size(), file) == piece.size();
  good = std::fclose(file) == 0 && good;
  if (!good) {
    fmt::print(stderr, "{}: could not be written to its end\n", argv[1]);
    return 1;
  }
  fmt::print("{}\n", row);
  return 0;
}
