// Arrow's readers and writers over Env's files, so that what Arrow writes goes through the one door too.
#pragma once

#include <cstddef>
#include <memory>

#include "base/env.h"

namespace arrow::io {
class OutputStream;
class RandomAccessFile;
}  // namespace arrow::io

namespace trommel {

/// Appends to `stream`, which must outlive it and is left open when the adapter is closed. Errors keep their text.
/// Gathers so many bytes before it appends them: then Flush() must be called before Close(), which drops what is left.
std::shared_ptr<arrow::io::OutputStream> arrow_output(OutputStream& stream, size_t buffer_bytes = 0);
std::shared_ptr<arrow::io::RandomAccessFile> arrow_input(std::shared_ptr<RandomFile> file);

}  // namespace trommel
