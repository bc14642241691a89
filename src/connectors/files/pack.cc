#include "connectors/files/pack.h"

#include <fmt/format.h>
#include <isa-l/igzip_lib.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <vector>

namespace trommel {
namespace {

constexpr size_t room_bytes = 256 << 10;
constexpr size_t piece_bytes = 1 << 30;  // counters of 32 bits
constexpr int isal_level_max = 3;

/// Gives `step` room until it has taken everything, and hands on what it made.
class InSteps : public Packer {
 public:
  explicit InSteps(OutputStream& out) : out_(out), room_(room_bytes) {}

  Result<> append(Bytes bytes) override {
    while (!bytes.empty()) {
      const Bytes piece = bytes.first(std::min(bytes.size(), piece_bytes));
      bytes = bytes.subspan(piece.size());
      TRY(run(piece, false));
    }
    return {};
  }
  Result<> finish() override { return run({}, true); }

 protected:
  struct Step {
    size_t used = 0;
    size_t made = 0;
    bool done = false;  ///< of the last piece: the end mark is out
  };
  virtual Result<Step> step(Bytes from, std::span<uint8_t> into, bool last) = 0;

 private:
  Result<> run(Bytes piece, bool last) {
    while (true) {
      ASSIGN(const Step made, step(piece, room_, last));
      piece = piece.subspan(made.used);
      if (made.made > 0) TRY(out_.append({room_.data(), made.made}));
      // Room that was not filled: nothing more comes out of these bytes.
      if (last ? made.done : piece.empty() && made.made < room_.size()) return {};
    }
  }

  OutputStream& out_;
  std::vector<uint8_t> room_;
};

class PackZstd : public InSteps {
 public:
  PackZstd(OutputStream& out, int level) : InSteps(out), context_(ZSTD_createCCtx()) {
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
  }
  ~PackZstd() override { ZSTD_freeCCtx(context_); }
  size_t memory() const override { return room_bytes + ZSTD_sizeof_CCtx(context_); }

 protected:
  Result<Step> step(Bytes from, std::span<uint8_t> into, bool last) override {
    ZSTD_inBuffer in{from.data(), from.size(), 0};
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    const size_t left = ZSTD_compressStream2(context_, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) return external_error("zstd", ZSTD_getErrorName(left));
    return Step{in.pos, out.pos, left == 0};
  }

 private:
  ZSTD_CCtx* context_;
};

class PackGzipFast : public InSteps {
 public:
  PackGzipFast(OutputStream& out, int level) : InSteps(out) {
    constexpr uint32_t sizes[] = {0, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};
    isal_deflate_init(stream_.get());
    buffer_.resize(sizes[level]);
    stream_->level = static_cast<uint32_t>(level);
    stream_->level_buf = buffer_.data();
    stream_->level_buf_size = sizes[level];
    stream_->gzip_flag = IGZIP_GZIP;
  }
  size_t memory() const override { return room_bytes + buffer_.size() + sizeof(isal_zstream); }

 protected:
  Result<Step> step(Bytes from, std::span<uint8_t> into, bool last) override {
    stream_->next_in = const_cast<uint8_t*>(from.data());
    stream_->avail_in = static_cast<uint32_t>(from.size());
    stream_->next_out = into.data();
    stream_->avail_out = static_cast<uint32_t>(into.size());
    stream_->end_of_stream = last ? 1 : 0;
    if (const int code = isal_deflate(stream_.get()); code != COMP_OK)
      return internal_error("gzip", fmt::format("ISA-L refuses: {}", code));
    return Step{from.size() - stream_->avail_in, into.size() - stream_->avail_out,
                stream_->internal_state.state == ZSTATE_END};
  }

 private:
  std::unique_ptr<isal_zstream> stream_ = std::make_unique<isal_zstream>();
  std::vector<uint8_t> buffer_;
};

class PackGzip : public InSteps {
 public:
  PackGzip(OutputStream& out, int level) : InSteps(out) {
    constexpr int with_gzip_header = 15 + 16;
    deflateInit2(&stream_, level, Z_DEFLATED, with_gzip_header, 8, Z_DEFAULT_STRATEGY);
  }
  ~PackGzip() override { deflateEnd(&stream_); }
  size_t memory() const override { return room_bytes + (256 << 10); }

 protected:
  Result<Step> step(Bytes from, std::span<uint8_t> into, bool last) override {
    stream_.next_in = const_cast<Bytef*>(from.data());
    stream_.avail_in = static_cast<uInt>(from.size());
    stream_.next_out = into.data();
    stream_.avail_out = static_cast<uInt>(into.size());
    const int code = deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      return internal_error("gzip", fmt::format("zlib refuses: {}", code));
    return Step{from.size() - stream_.avail_in, into.size() - stream_.avail_out, code == Z_STREAM_END};
  }

 private:
  z_stream stream_ = {};
};

}  // namespace

PackLevels pack_levels(Packing packing) { return {packing == Packing::zstd ? 22 : 9, 3}; }

Result<std::unique_ptr<Packer>> pack_into(OutputStream& out, Packing packing, int level) {
  if (packing == Packing::zstd) return std::make_unique<PackZstd>(out, level);
  if (packing != Packing::gzip) return internal_error("pack", "files are not written that way");
  if (level <= isal_level_max) return std::make_unique<PackGzipFast>(out, level);
  return std::make_unique<PackGzip>(out, level);
}

}  // namespace trommel
