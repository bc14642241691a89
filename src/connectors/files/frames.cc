// zstd, bzip2, xz and LZ4, each by its own library (docs/decisions/0030-packings.md).
#include <bzlib.h>
#include <fmt/format.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zstd.h>

#include <algorithm>

#include "connectors/files/packed_bytes.h"
#include "connectors/files/streams.h"

namespace trommel {
namespace {

/// What an unpacker did in one go.
struct Step {
  size_t used = 0;
  size_t made = 0;
  bool finished = false;  ///< a frame ended
  std::string problem;    ///< what is wrong with the bytes
};

/// Unpacks one frame after the other.
class Unpacker {
 public:
  virtual ~Unpacker() = default;
  virtual std::string name() const = 0;
  /// Gets ready for the next frame.
  virtual Result<> restart() = 0;
  /// `from` may be empty where it has ended: what was held back can still come.
  virtual Step step(Bytes from, std::span<uint8_t> into) = 0;
};

class Zstd : public Unpacker {
 public:
  ~Zstd() override { ZSTD_freeDCtx(context_); }
  std::string name() const override { return "zstd"; }
  Result<> restart() override {
    if (context_ == nullptr) context_ = ZSTD_createDCtx();
    if (context_ == nullptr) return external_error("zstd", "out of memory");
    ZSTD_DCtx_reset(context_, ZSTD_reset_session_only);
    return {};
  }
  Step step(Bytes from, std::span<uint8_t> into) override {
    ZSTD_inBuffer in{from.data(), from.size(), 0};
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    const size_t code = ZSTD_decompressStream(context_, &out, &in);
    if (ZSTD_isError(code) != 0) return {in.pos, out.pos, false, ZSTD_getErrorName(code)};
    return {in.pos, out.pos, code == 0, {}};
  }

 private:
  ZSTD_DCtx* context_ = nullptr;
};

class Lz4 : public Unpacker {
 public:
  ~Lz4() override { LZ4F_freeDecompressionContext(context_); }
  std::string name() const override { return "lz4"; }
  Result<> restart() override {
    if (context_ == nullptr && LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)) != 0)
      return external_error("lz4", "out of memory");
    LZ4F_resetDecompressionContext(context_);
    return {};
  }
  Step step(Bytes from, std::span<uint8_t> into) override {
    size_t in = from.size();
    size_t out = into.size();
    const size_t code = LZ4F_decompress(context_, into.data(), &out, from.data(), &in, nullptr);
    if (LZ4F_isError(code) != 0) return {in, out, false, LZ4F_getErrorName(code)};
    return {in, out, code == 0, {}};
  }

 private:
  LZ4F_dctx* context_ = nullptr;
};

class Bzip2 : public Unpacker {
 public:
  ~Bzip2() override { BZ2_bzDecompressEnd(&stream_); }
  std::string name() const override { return "bzip2"; }
  Result<> restart() override {
    BZ2_bzDecompressEnd(&stream_);
    stream_ = {};
    if (BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) return external_error("bzip2", "out of memory");
    return {};
  }
  Step step(Bytes from, std::span<uint8_t> into) override {
    // Both counters are of 32 bits.
    const size_t in = std::min<size_t>(from.size(), 1 << 30);
    const size_t out = std::min<size_t>(into.size(), 1 << 30);
    stream_.next_in = reinterpret_cast<char*>(const_cast<uint8_t*>(from.data()));
    stream_.avail_in = static_cast<unsigned>(in);
    stream_.next_out = reinterpret_cast<char*>(into.data());
    stream_.avail_out = static_cast<unsigned>(out);
    const int code = BZ2_bzDecompress(&stream_);
    Step step{in - stream_.avail_in, out - stream_.avail_out, code == BZ_STREAM_END, {}};
    if (code == BZ_DATA_ERROR) step.problem = "its checksum or a block is wrong";
    if (code == BZ_DATA_ERROR_MAGIC) step.problem = "no bzip2 header";
    if (step.problem.empty() && code != BZ_OK && code != BZ_STREAM_END)
      step.problem = fmt::format("it cannot be unpacked (bzip2 error {})", code);
    return step;
  }

 private:
  bz_stream stream_ = {};
};

class Xz : public Unpacker {
 public:
  ~Xz() override { lzma_end(&stream_); }
  std::string name() const override { return "xz"; }
  Result<> restart() override {
    if (lzma_stream_decoder(&stream_, memory_max, 0) != LZMA_OK) return external_error("xz", "out of memory");
    return {};
  }
  Step step(Bytes from, std::span<uint8_t> into) override {
    stream_.next_in = from.data();
    stream_.avail_in = from.size();
    stream_.next_out = into.data();
    stream_.avail_out = into.size();
    const lzma_ret code = lzma_code(&stream_, LZMA_RUN);
    return {from.size() - stream_.avail_in, into.size() - stream_.avail_out, code == LZMA_STREAM_END, problem(code)};
  }

 private:
  static constexpr uint64_t memory_max = uint64_t{256} << 20;

  std::string problem(lzma_ret code) const {
    switch (code) {
      case LZMA_OK:
      case LZMA_STREAM_END:
      case LZMA_BUF_ERROR:  // no progress: there were no bytes
        return {};
      case LZMA_FORMAT_ERROR:
        return "no xz header";
      case LZMA_DATA_ERROR:
        return "its checksum or a block is wrong";
      case LZMA_MEMLIMIT_ERROR:
        return fmt::format("its dictionary takes {} MiB of memory, and 256 are allowed", lzma_memusage(&stream_) >> 20);
      default:
        return fmt::format("it cannot be unpacked (xz error {})", static_cast<int>(code));
    }
  }

  lzma_stream stream_ = LZMA_STREAM_INIT;
};

/// Frames one after the other, zeros behind them (tapes are padded).
class Frames : public InputStream {
 public:
  Frames(std::unique_ptr<Unpacker> unpacker, std::unique_ptr<InputStream> packed, std::string name)
      : unpacker_(std::move(unpacker)), packed_(std::move(packed), 0), name_(std::move(name)) {}

  Result<size_t> read(std::span<uint8_t> into) override {
    while (!into.empty()) {
      TRY(packed_.fill());
      if (!in_frame_) {
        ASSIGN(const bool more, next_frame());
        if (!more) return 0;
      }
      const Step step = unpacker_->step(packed_.bytes(), into);
      packed_.used(step.used);
      if (!step.problem.empty()) return damaged(step.problem);
      in_frame_ = !step.finished;
      if (step.made > 0) return step.made;
      if (in_frame_ && step.used == 0 && packed_.ended()) return damaged("it is cut short");
    }
    return 0;
  }

 private:
  Result<bool> next_frame() {
    while (!packed_.ended()) {
      const Bytes bytes = packed_.bytes();
      const auto other = std::find_if(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte != 0; });
      packed_.used(static_cast<size_t>(other - bytes.begin()));
      if (other != bytes.end()) {
        TRY(unpacker_->restart());
        in_frame_ = true;
        return true;
      }
      TRY(packed_.fill());
    }
    return false;
  }

  tl::unexpected<Error> damaged(const std::string& how) const {
    return external_error(name_, fmt::format("damaged {} at byte {}: {}", unpacker_->name(), packed_.position(), how),
                          "copy or download it again");
  }

  std::unique_ptr<Unpacker> unpacker_;
  PackedBytes packed_;
  std::string name_;
  bool in_frame_ = false;
};

std::unique_ptr<Unpacker> unpacker_for(Packing packing) {
  switch (packing) {
    case Packing::zstd:
      return std::make_unique<Zstd>();
    case Packing::bzip2:
      return std::make_unique<Bzip2>();
    case Packing::xz:
      return std::make_unique<Xz>();
    default:
      return std::make_unique<Lz4>();
  }
}

}  // namespace

std::unique_ptr<InputStream> unpack_frames(Packing packing, std::unique_ptr<InputStream> packed, std::string name) {
  return std::make_unique<Frames>(unpacker_for(packing), std::move(packed), std::move(name));
}

std::unique_ptr<InputStream> unpack(Packing packing, std::unique_ptr<InputStream> packed, std::string name) {
  return packing == Packing::gzip ? gunzip(std::move(packed), std::move(name))
                                  : unpack_frames(packing, std::move(packed), std::move(name));
}

}  // namespace trommel
