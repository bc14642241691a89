// Numbers as people read them. All text is ASCII.
#pragma once

#include <cstdint>
#include <string>

namespace trommel {

std::string count_text(int64_t count);  ///< `336,776`
std::string rows_text(int64_t rows);    ///< `1 row`, `336,776 rows`
std::string bytes_text(int64_t bytes);  ///< decimal units, three figures at most: `812 B`, `1.2 GB`, `340 MB`
std::string duration_text(int64_t us);  ///< `850 us`, `12 ms`, `3.4 s`, `2 min 5 s`, `3 h 20 min`
std::string share_text(double share);   ///< 0..1: `0%`, `0.4%`, `42%`, `100%` (only when it is all)
std::string time_text(int64_t us);      ///< microseconds since 1970 in UTC: `2026-11-21 12:00:00`

}  // namespace trommel
