#include "spill/seen_rows.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "spill/spill_file.h"

namespace trommel {
namespace {

constexpr size_t kPageEntries = 512;       // read at once, 12 KB
constexpr size_t kBatchEntries = 1 << 16;  // looked up at once
constexpr size_t kBlockBits = 512;         // of a filter: a cache line, all bits of a digest fall into one

/// A Bloom filter in blocks (Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007).
class Filter {
 public:
  Filter(int64_t entries, int64_t bits) {
    blocks_ = static_cast<uint64_t>(std::max<int64_t>(bits / static_cast<int64_t>(kBlockBits), 1));
    words_.resize(blocks_ * kBlockBits / 64);
    const double each = static_cast<double>(bits) / static_cast<double>(std::max<int64_t>(entries, 1));
    probes_ = std::clamp(static_cast<int>(std::lround(each * 0.69)), 1, 7);
  }
  void add(const Digest& digest) {
    each_bit(digest, [](uint64_t& word, uint64_t bit) {
      word |= bit;
      return true;
    });
  }
  bool may_have(const Digest& digest) {
    return each_bit(digest, [](const uint64_t& word, uint64_t bit) { return (word & bit) != 0; });
  }
  int64_t memory() const { return static_cast<int64_t>(words_.size() * 8); }

 private:
  // The table of rows goes by the low bits of `low`, runs are sorted by its high ones: the filter takes `high`.
  template <class Visit>
  bool each_bit(const Digest& digest, const Visit& visit) {
    const auto block = static_cast<uint64_t>((static_cast<unsigned __int128>(digest.high) * blocks_) >> 64);
    uint64_t bits = digest.high * 0x9e3779b97f4a7c15ULL ^ digest.low;
    for (int i = 0; i < probes_; ++i, bits >>= 9) {
      const uint64_t bit = bits % kBlockBits;
      if (!visit(words_[block * (kBlockBits / 64) + bit / 64], uint64_t{1} << (bit % 64))) return false;
    }
    return true;
  }
  uint64_t blocks_;
  int probes_;
  std::vector<uint64_t> words_;
};

}  // namespace

struct SeenRows::Run {
  std::unique_ptr<RandomFile> file;
  std::vector<Digest> first_of_page;
  Filter filter;
  int64_t entries = 0;
  int64_t newest = INT64_MIN;

  /// Entries of a page, fewer in the last one.
  Result<> read_page(size_t page, std::vector<SeenEntry>& into) const {
    const size_t first = page * kPageEntries;
    into.resize(std::min(kPageEntries, static_cast<size_t>(entries) - first));
    const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(into.data()), into.size() * sizeof(SeenEntry));
    ASSIGN(const size_t got, file->read_at(static_cast<int64_t>(first * sizeof(SeenEntry)), bytes));
    if (got != bytes.size()) return external_error("spill", "a spill file is shorter than what was written to it");
    return {};
  }
};

/// Takes entries by rising digest.
class SeenRows::RunWriter {
 public:
  RunWriter(SpillFile file, int64_t entries_max, int64_t filter_bits)
      : file_(std::move(file)), run_(new Run{nullptr, {}, Filter(entries_max, filter_bits)}) {}
  Result<> add(const SeenEntry& entry) {
    if (static_cast<size_t>(run_->entries) % kPageEntries == 0) {
      run_->first_of_page.push_back(entry.digest);
      TRY(write_page());
    }
    page_.push_back(entry);
    run_->filter.add(entry.digest);
    run_->newest = std::max(run_->newest, entry.time);
    ++run_->entries;
    return {};
  }
  Result<std::unique_ptr<Run>> finish() {
    TRY(write_page());
    ASSIGN(run_->file, file_.read());
    return std::move(run_);
  }

 private:
  Result<> write_page() {
    const Bytes bytes(reinterpret_cast<const uint8_t*>(page_.data()), page_.size() * sizeof(SeenEntry));
    TRY(file_.stream().append(bytes));
    page_.clear();
    return {};
  }
  SpillFile file_;
  std::unique_ptr<Run> run_;
  std::vector<SeenEntry> page_;
};

SeenRows::SeenRows(Options options) : options_(std::move(options)), room_(SeenTable::room(options_.memory / 2)) {}
SeenRows::~SeenRows() = default;
SeenRows::SeenRows(SeenRows&&) noexcept = default;

int64_t SeenRows::size() const {
  auto entries = static_cast<int64_t>(table_.size());
  for (const auto& run : runs_) entries += run->entries;
  return entries;
}

int64_t SeenRows::memory() const {
  auto bytes = static_cast<int64_t>(table_.memory() + found_.memory() + asked_.capacity() * sizeof(Digest));
  for (const auto& run : runs_)
    bytes += run->filter.memory() + static_cast<int64_t>(run->first_of_page.capacity() * sizeof(Digest));
  return bytes;
}

Result<> SeenRows::clear() {
  table_.clear();
  runs_.clear();
  newest_ = INT64_MIN / 2;
  return {};
}

bool SeenRows::equal_in_time(int64_t kept, int64_t time) const {
  return options_.within == 0 || (remembered(kept) && std::abs(time - kept) < options_.within);
}

bool SeenRows::is_fresh(const Digest& digest, int64_t time) {
  newest_ = std::max(newest_, time);
  if (!remembered(time)) return true;
  SeenEntry* own = table_.find(digest);
  if (own != nullptr && equal_in_time(own->time, time)) return false;
  if (own == nullptr) {
    const SeenEntry* in_run = found_.find(digest);
    if (in_run != nullptr && equal_in_time(in_run->time, time)) return false;
    table_.insert(digest, time);
  } else {
    own->time = std::max(own->time, time);
  }
  return true;
}

Result<> SeenRows::insert(std::span<const Digest> digests, std::span<const int64_t> times,
                          std::vector<uint8_t>& fresh) {
  fresh.resize(digests.size());
  const size_t most = std::min(kBatchEntries, room_ / 2);
  for (size_t first = 0; first < digests.size(); first += most) {
    const auto some = digests.subspan(first, std::min(most, digests.size() - first));
    TRY(make_room(some.size()));
    if (!runs_.empty()) TRY(look_up(some));
    for (size_t i = 0; i < some.size(); ++i)
      fresh[first + i] = is_fresh(some[i], times.empty() ? 0 : times[first + i]) ? 1 : 0;
  }
  return {};
}

Result<> SeenRows::restore(const SeenEntry& entry) {
  TRY(make_room(1));
  newest_ = std::max(newest_, entry.time);
  if (SeenEntry* own = table_.find(entry.digest)) {
    own->time = std::max(own->time, entry.time);
  } else {
    table_.insert(entry.digest, entry.time);
  }
  return {};
}

Result<> SeenRows::make_room(size_t entries) {
  if (options_.within > 0) {
    std::erase_if(runs_, [this](const auto& run) { return !remembered(run->newest); });
  }
  if (table_.size() + entries <= room_) return {};
  if (options_.within > 0) {
    table_.drop_until(newest_ - options_.within);
    if (table_.size() + entries <= room_ / 2) return {};
  }
  return flush();
}

/// Ten bits an entry make one of a hundred look-ups read in vain. Beyond the share for filters there are fewer.
int64_t SeenRows::filter_bits(int64_t entries) const {
  const int64_t others = size() - static_cast<int64_t>(table_.size());
  const int64_t all = options_.memory / 4 * 8;
  return std::min(entries * 10, std::max<int64_t>(all * entries / std::max<int64_t>(others + entries, 1), 512));
}

Result<> SeenRows::flush() {
  const auto entries = static_cast<int64_t>(table_.size());
  const int64_t bits = filter_bits(entries);
  ASSIGN(auto file, SpillFile::create(*options_.env, options_.folder));
  RunWriter writer(std::move(file), entries, bits);
  for (const SeenEntry& entry : table_.take_sorted()) TRY(writer.add(entry));
  ASSIGN(auto run, writer.finish());
  runs_.push_back(std::move(run));
  while (runs_.size() > 1 && runs_[runs_.size() - 2]->entries < runs_.back()->entries * 2) TRY(merge_last_two());
  return {};
}

Result<> SeenRows::merge_last_two() {
  const auto newer = std::move(runs_.back());
  runs_.pop_back();
  const auto older = std::move(runs_.back());
  runs_.pop_back();
  const int64_t entries = older->entries + newer->entries;
  ASSIGN(auto file, SpillFile::create(*options_.env, options_.folder));
  RunWriter writer(std::move(file), entries, filter_bits(entries));
  struct Side {
    const Run* run;
    size_t page = 0, at = 0;
    std::vector<SeenEntry> entries = {};
    Result<bool> has() {
      if (at < entries.size()) return true;
      if (page == run->first_of_page.size()) return false;
      TRY(run->read_page(page++, entries));
      at = 0;
      return true;
    }
    const SeenEntry& entry() const { return entries[at]; }
  };
  Side left{older.get()}, right{newer.get()};
  while (true) {
    ASSIGN(const bool from_left, left.has());
    ASSIGN(const bool from_right, right.has());
    if (!from_left && !from_right) break;
    SeenEntry entry;
    if (!from_right || (from_left && left.entry().digest < right.entry().digest)) {
      entry = left.entry();
      ++left.at;
    } else {
      entry = right.entry();
      ++right.at;
      if (from_left && left.entry().digest == entry.digest) {
        entry.time = std::max(entry.time, left.entry().time);
        ++left.at;
      }
    }
    if (remembered(entry.time)) TRY(writer.add(entry));
  }
  ASSIGN(auto merged, writer.finish());
  if (merged->entries > 0) runs_.push_back(std::move(merged));
  return {};
}

Result<> SeenRows::look_up(std::span<const Digest> digests) {
  found_.clear();
  for (const auto& run : runs_) {
    asked_.clear();
    for (const Digest& digest : digests) {
      if (run->filter.may_have(digest) && table_.find(digest) == nullptr) asked_.push_back(digest);
    }
    std::ranges::sort(asked_);
    TRY(look_up_in(*run, asked_));
  }
  return {};
}

Result<> SeenRows::look_up_in(Run& run, std::span<const Digest> sorted) {
  std::vector<SeenEntry> page;
  size_t held = SIZE_MAX;
  for (const Digest& digest : sorted) {
    const auto after = std::ranges::upper_bound(run.first_of_page, digest);
    if (after == run.first_of_page.begin()) continue;
    const auto wanted = static_cast<size_t>(after - run.first_of_page.begin()) - 1;
    if (wanted != held) TRY(run.read_page(wanted, page));
    held = wanted;
    const auto entry = std::ranges::lower_bound(page, digest, {}, &SeenEntry::digest);
    if (entry == page.end() || entry->digest != digest) continue;
    if (SeenEntry* known = found_.find(digest)) {
      known->time = std::max(known->time, entry->time);
    } else {
      found_.insert(digest, entry->time);
    }
  }
  return {};
}

}  // namespace trommel
