#include "codecs/text/encoding.h"

#include <fmt/format.h>
#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

namespace trommel::text {

namespace {

constexpr size_t kBlock = 256 << 10;

/// One iconv descriptor.
class Converter {
 public:
  explicit Converter(const std::string& name)
      : handle_(iconv_open("UTF-8", name == "latin-1" ? "iso-8859-1" : name.c_str())) {}
  ~Converter() {
    if (known()) iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  bool known() const { return reinterpret_cast<intptr_t>(handle_) != -1; }
  iconv_t handle() const { return handle_; }

 private:
  iconv_t handle_;
};

size_t unit_of(const std::string& name) { return name.starts_with("utf-16") ? 2 : name.starts_with("utf-32") ? 4 : 1; }

/// A code point of three bytes, surrogates among them.
void append_code_point(uint32_t point, std::string& out) {
  out += static_cast<char>(0xe0 | point >> 12);
  out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
  out += static_cast<char>(0x80 | (point & 0x3f));
}

/// Bytes in, UTF-8 out; remembers the bytes of a code point that is cut.
class Transcoder {
 public:
  explicit Transcoder(const std::string& name) : converter_(name), name_(name), unit_(unit_of(name)) {}

  /// Appends what `bytes` say to `out`. `last`: no more are to come.
  void take(std::string_view bytes, bool last, std::string& out) {
    if (!rest_.empty()) {
      rest_ += bytes;
      const std::string joined = std::move(rest_);
      rest_.clear();
      convert(joined, last, out);
    } else {
      convert(bytes, last, out);
    }
  }

 private:
  void convert(std::string_view bytes, bool last, std::string& out) {
    char* from = const_cast<char*>(bytes.data());
    size_t left = bytes.size();
    while (left > 0) {
      const size_t before = out.size();
      // A byte becomes three at most, a pair of them in UTF-16 too.
      out.resize(before + left * 3 + 8);
      char* to = out.data() + before;
      size_t room = out.size() - before;
      const size_t code = iconv(converter_.handle(), &from, &left, &to, &room);
      out.resize(out.size() - room);
      if (code != static_cast<size_t>(-1) || errno == E2BIG) continue;
      if (errno == EINVAL && !last) {
        rest_.assign(from, left);
        return;
      }
      const size_t skipped = std::min(left, unit_);
      keep_undecoded({from, skipped}, out);
      from += skipped;
      left -= skipped;
    }
  }

  void keep_undecoded(std::string_view bytes, std::string& out) const {
    const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])); };
    if (bytes.size() == 2 && unit_ == 2) {
      const uint32_t unit = name_ == "utf-16be" ? byte(0) << 8 | byte(1) : byte(1) << 8 | byte(0);
      if (unit >= 0xd800 && unit < 0xe000) return append_code_point(unit, out);
    }
    for (size_t i = 0; i < bytes.size(); ++i) append_code_point(0xdc00 + byte(i), out);
  }

  Converter converter_;
  std::string name_;
  size_t unit_;
  std::string rest_;
};

class InUtf8 : public InputStream {
 public:
  InUtf8(std::unique_ptr<InputStream> bytes, const std::string& name)
      : bytes_(std::move(bytes)), transcoder_(name), buffer_(kBlock) {}

  Result<size_t> read(std::span<uint8_t> into) override {
    while (at_ == text_.size() && !ended_) {
      at_ = 0;
      text_.clear();
      ASSIGN(const size_t got, bytes_->read(buffer_));
      ended_ = got == 0;
      transcoder_.take(as_text(Bytes(buffer_).first(got)), ended_, text_);
    }
    const size_t count = std::min(into.size(), text_.size() - at_);
    if (count > 0) std::memcpy(into.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::unique_ptr<InputStream> bytes_;
  Transcoder transcoder_;
  std::vector<uint8_t> buffer_;
  std::string text_;
  size_t at_ = 0;
  bool ended_ = false;
};

/// How many bytes the code point at the start of `text` takes; 0: it is none.
size_t code_point_bytes(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t bytes = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < bytes; ++i) {
    if (byte(i) >> 6 != 2) return 0;
  }
  const uint8_t second = byte(1);
  const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                     (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return wrong ? 0 : bytes;
}

/// What was seen of bytes from 0x80 on.
struct HighBytes {
  size_t valid = 0;        ///< code points of UTF-8
  size_t invalid = 0;      ///< bytes that belong to none
  size_t in_words = 0;     ///< of those, the ones beside a letter or another such byte
  bool undefined = false;  ///< one of them means nothing in windows-1252
};

void see(std::string_view piece, bool cut_in_front, bool cut_behind, HighBytes& seen) {
  const auto is_letter = [&](size_t at) {
    if (at >= piece.size()) return false;
    const auto c = static_cast<uint8_t>(piece[at]);
    return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  for (size_t at = 0; at < piece.size();) {
    if (at + 8 <= piece.size()) {
      uint64_t bytes = 0;
      std::memcpy(&bytes, piece.data() + at, 8);
      if ((bytes & 0x8080808080808080) == 0) {
        at += 8;
        continue;
      }
    }
    if (static_cast<uint8_t>(piece[at]) < 0x80) {
      ++at;
      continue;
    }
    if (const size_t bytes = code_point_bytes(piece.substr(at)); bytes > 0) {
      ++seen.valid;
      at += bytes;
      continue;
    }
    const bool at_cut = (cut_in_front && at < 3) || (cut_behind && at + 3 >= piece.size());
    if (!at_cut) {
      ++seen.invalid;
      seen.in_words += (at > 0 && is_letter(at - 1)) || is_letter(at + 1) ? 1 : 0;
      seen.undefined |= std::string_view("\x81\x8d\x8f\x90\x9d").find(piece[at]) != std::string_view::npos;
    }
    ++at;
  }
}

/// UTF-16 without a mark: zeros stand in one half of the units only, and every line feed is a whole unit.
std::optional<Encoding> guess_utf16(std::string_view text) {
  text = text.substr(0, std::min<size_t>(text.size(), 64 << 10) / 2 * 2);
  if (text.find('\0') == std::string_view::npos) return std::nullopt;
  size_t zeros[2] = {0, 0};
  size_t feeds[2] = {0, 0};  // line feeds whose other half is zero, by the place of the byte that is not
  size_t feeds_all = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    zeros[i % 2] += text[i] == 0 ? 1 : 0;
    if (text[i] != '\n') continue;
    ++feeds_all;
    feeds[i % 2] += text[i ^ 1] == 0 ? 1 : 0;
  }
  const size_t units = text.size() / 2;
  for (const size_t little : {1, 0}) {
    if (zeros[little] == 0 || zeros[1 - little] > 0 || zeros[little] * 20 < units) continue;
    // Among letters of other scripts a byte 0x0A is now and then half of one.
    if (feeds[1 - little] * 10 < feeds_all * 9 || (feeds_all == 0 && zeros[little] * 5 < units * 2)) continue;
    return Encoding{little == 1 ? "utf-16le" : "utf-16be",
                    fmt::format("every {} byte is mostly 0, and there is no mark", little == 1 ? "second" : "first")};
  }
  return std::nullopt;
}

std::optional<Encoding> by_mark(std::string_view text) {
  using namespace std::string_view_literals;
  for (const auto& [mark, name] : {std::pair{"\xef\xbb\xbf"sv, "utf-8"}, std::pair{"\xff\xfe\0\0"sv, "utf-32le"},
                                   std::pair{"\0\0\xfe\xff"sv, "utf-32be"}, std::pair{"\xff\xfe"sv, "utf-16le"},
                                   std::pair{"\xfe\xff"sv, "utf-16be"}}) {
    if (text.starts_with(mark)) return Encoding{name, name == "utf-8"sv ? "" : "by the mark at its start"};
  }
  return std::nullopt;
}

std::string key_of(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == ' ') continue;
    key += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return key;
}

}  // namespace

std::optional<Encoding> encoding_named(std::string_view name) {
  const std::string key = key_of(name);
  if (key == "utf8" || key == "ascii" || key == "usascii") return Encoding{};
  if (key == "utf16" || key == "utf16le") return Encoding{"utf-16le", ""};
  if (key == "utf16be") return Encoding{"utf-16be", ""};
  if (key == "utf32" || key == "utf32le") return Encoding{"utf-32le", ""};
  if (key == "utf32be") return Encoding{"utf-32be", ""};
  if (key == "latin1" || key == "iso88591") return Encoding{"latin-1", ""};
  // iconv takes a suffix such as //TRANSLIT, which would change what cannot be decoded.
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == ':';
  });
  if (plain && Converter(std::string(name)).known()) return Encoding{std::string(name), ""};
  return std::nullopt;
}

void check_encoding(const std::optional<std::string>& name, const Node& settings, Problems& problems) {
  if (!name || encoding_named(*name)) return;
  const Node* place = settings.find("encoding");
  const std::string near = did_you_mean(*name, {"utf-8", "utf-16", "latin-1", "windows-1252", "iso-8859-15"});
  problems.add(place != nullptr ? place->place : settings.place, "encoding: not known: " + *name,
               near.empty() ? "`iconv -l` lists those that are" : "did you mean `" + near + "`?");
}

Encoding guess_encoding(const Sample& sample, const std::optional<Encoding>& given) {
  if (sample.pieces.empty()) return given.value_or(Encoding{});
  const std::string_view text = sample.pieces.front();
  if (auto marked = by_mark(text)) return *marked;
  if (given) return *given;
  if (auto found = guess_utf16(text)) return *found;
  HighBytes seen;
  for (size_t i = 0; i < sample.pieces.size(); ++i) see(sample.pieces[i], i > 0, i > 0 || !sample.whole, seen);
  if (seen.invalid <= seen.valid || seen.in_words * 2 < seen.invalid || seen.undefined) return {};
  if (!Converter("windows-1252").known()) return {};
  return {"windows-1252", fmt::format("{} byte{} of words are no UTF-8", seen.in_words, seen.in_words == 1 ? "" : "s")};
}

Sample in_utf8(const Sample& sample, const Encoding& encoding) {
  Sample out{sample.name, {}, sample.whole, sample.size};
  for (size_t i = 0; i < sample.pieces.size(); ++i) {
    Transcoder transcoder(encoding.name);
    transcoder.take(sample.pieces[i], i == 0 && sample.whole, out.pieces.emplace_back());
  }
  return out;
}

std::unique_ptr<InputStream> in_utf8(std::unique_ptr<InputStream> bytes, const Encoding& encoding) {
  if (encoding.is_utf8()) return bytes;
  return std::make_unique<InUtf8>(std::move(bytes), encoding.name);
}

Result<std::unique_ptr<InputStream>> in_utf8_from(std::unique_ptr<InputStream> bytes, const Encoding& encoding,
                                                  int64_t at, const std::string& name) {
  auto stream = in_utf8(std::move(bytes), encoding);
  if (encoding.is_utf8()) return stream;  // stands there already
  std::vector<uint8_t> passed(kBlock);
  while (at > 0) {
    ASSIGN(const size_t got, stream->read(std::span(passed).first(
                                 static_cast<size_t>(std::min<int64_t>(at, static_cast<int64_t>(kBlock))))));
    if (got == 0) return external_error(name, "it ends before the place where reading stopped", "was it replaced?");
    at -= static_cast<int64_t>(got);
  }
  return stream;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t bytes = code_point_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

}  // namespace trommel::text
