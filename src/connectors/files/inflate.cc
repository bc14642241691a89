// gzip and deflate by ISA-L, which decodes about twice as fast as zlib (docs/decisions/0010-unpacking.md).
#include <fmt/format.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "connectors/files/inflate.h"
#include "connectors/files/packed_bytes.h"
#include "connectors/files/streams.h"

namespace trommel {
namespace {

const char* inflate_problem(int code) {
  switch (code) {
    case ISAL_INVALID_BLOCK:
      return "a block of no known kind";
    case ISAL_INVALID_SYMBOL:
      return "a symbol that its code does not have";
    case ISAL_INVALID_LOOKBACK:
      return "a reference to bytes before its start";
    case ISAL_INVALID_WRAPPER:
      return "no gzip header";
    case ISAL_UNSUPPORTED_METHOD:
      return "a compression method other than deflate";
    case ISAL_INCORRECT_CHECKSUM:
      return "its checksum is wrong";
    default:
      return "it cannot be unpacked";
  }
}

class Inflater {
 public:
  explicit Inflater(uint32_t wrapper) : state_(std::make_unique<inflate_state>()), wrapper_(wrapper) { restart(); }

  void restart() {
    isal_inflate_init(state_.get());
    state_->crc_flag = wrapper_;
  }
  /// Unpacks some of `from` into `into`; says how much of each was used.
  int step(Bytes from, std::span<uint8_t> into, size_t& used, size_t& made) {
    // Both counters are of 32 bits.
    const size_t in = std::min<size_t>(from.size(), 1 << 30);
    const size_t out = std::min<size_t>(into.size(), 1 << 30);
    state_->next_in = const_cast<uint8_t*>(from.data());
    state_->avail_in = static_cast<uint32_t>(in);
    state_->next_out = into.data();
    state_->avail_out = static_cast<uint32_t>(out);
    const int code = isal_inflate(state_.get());
    used = in - state_->avail_in;
    made = out - state_->avail_out;
    return code;
  }
  bool finished() const { return state_->block_state == ISAL_BLOCK_FINISH; }

 private:
  std::unique_ptr<inflate_state> state_;
  uint32_t wrapper_;
};

class Gunzip : public InputStream {
 public:
  Gunzip(std::unique_ptr<InputStream> packed, std::string name)
      : packed_(std::move(packed), 0), inflater_(ISAL_GZIP), name_(std::move(name)) {}

  Result<size_t> read(std::span<uint8_t> into) override {
    while (!into.empty()) {
      TRY(packed_.fill());
      if (between_) {
        ASSIGN(const bool another, next_member());
        if (!another) return 0;
        continue;
      }
      if (packed_.ended() && !more_to_come_) return damaged("it is cut short");
      size_t used = 0;
      size_t made = 0;
      const int code = inflater_.step(packed_.bytes(), into, used, made);
      packed_.used(used);
      if (code < 0 || code == ISAL_NEED_DICT) return damaged(inflate_problem(code));
      between_ = inflater_.finished();
      // With the room used up there may be more in the decoder, even when no packed bytes are left.
      more_to_come_ = !between_ && made == into.size();
      if (made > 0) return made;
      if (used == 0 && packed_.ended() && !between_) return damaged("it is cut short");
    }
    return 0;
  }

 private:
  /// Between members: another one begins, or nothing but zeros follows (tapes are padded).
  Result<bool> next_member() {
    while (!packed_.ended()) {
      const Bytes bytes = packed_.bytes();
      if (padding_ || bytes[0] == 0) {
        padding_ = true;
        const auto other = std::find_if(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte != 0; });
        packed_.used(static_cast<size_t>(other - bytes.begin()));
        if (other != bytes.end()) return damaged("bytes that are no gzip follow its end");
        TRY(packed_.fill());
        continue;
      }
      if (bytes[0] != 0x1f) return damaged("bytes that are no gzip follow its end");
      inflater_.restart();
      between_ = false;
      return true;
    }
    return false;
  }

  tl::unexpected<Error> damaged(const std::string& how) const {
    return external_error(name_, fmt::format("damaged gzip at byte {}: {}", packed_.position(), how),
                          "copy or download it again");
  }

  PackedBytes packed_;
  Inflater inflater_;
  std::string name_;
  bool between_ = false;
  bool more_to_come_ = false;
  bool padding_ = false;
};

/// A zip member. Its directory entry says what must come out.
class Member : public InputStream {
 public:
  Member(std::unique_ptr<InputStream> packed, int64_t at, bool deflated, Checked expected, std::string name)
      : packed_(std::move(packed), at), name_(std::move(name)), expected_(expected) {
    if (deflated) inflater_.emplace(ISAL_DEFLATE);
  }

  Result<size_t> read(std::span<uint8_t> into) override {
    while (!into.empty()) {
      if (inflater_ ? inflater_->finished() : made_ == expected_.size) return at_end();
      TRY(packed_.fill());
      size_t used = 0;
      size_t made = 0;
      if (inflater_) {
        const int code = inflater_->step(packed_.bytes(), into, used, made);
        if (code < 0 || code == ISAL_NEED_DICT) return damaged(inflate_problem(code));
      } else {
        used = made = std::min(packed_.bytes().size(), into.size());
        if (made > 0) std::memcpy(into.data(), packed_.bytes().data(), made);
      }
      packed_.used(used);
      crc_ = crc32_gzip_refl(crc_, into.data(), made);
      made_ += static_cast<int64_t>(made);
      if (made_ > expected_.size) return damaged(fmt::format("it holds more than its {} bytes", expected_.size));
      if (made > 0) return made;
      const bool finished = inflater_ && inflater_->finished();
      if (used == 0 && packed_.ended() && !finished) return damaged("it is cut short");
    }
    return 0;
  }

 private:
  Result<size_t> at_end() {
    if (made_ != expected_.size) return damaged(fmt::format("it holds {} bytes, not {}", made_, expected_.size));
    if (crc_ != expected_.crc) return damaged("its checksum is wrong");
    return 0;
  }
  tl::unexpected<Error> damaged(const std::string& how) const {
    return external_error(name_, fmt::format("damaged zip at byte {}: {}", packed_.position(), how),
                          "copy or download it again");
  }

  PackedBytes packed_;
  std::optional<Inflater> inflater_;
  std::string name_;
  Checked expected_;
  uint32_t crc_ = 0;
  int64_t made_ = 0;
};

}  // namespace

std::unique_ptr<InputStream> gunzip(std::unique_ptr<InputStream> packed, std::string name) {
  return std::make_unique<Gunzip>(std::move(packed), std::move(name));
}

std::unique_ptr<InputStream> unpack_member(std::unique_ptr<InputStream> packed, int64_t at, bool deflated,
                                           Checked expected, std::string name) {
  return std::make_unique<Member>(std::move(packed), at, deflated, expected, std::move(name));
}

}  // namespace trommel
