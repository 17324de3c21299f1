#pragma once

#include <cstddef>
#include <cstdint>
#include <ios>
#include <string>

/// Where arrays are read from and written to, other than files by name: MLX's io::Reader and io::Writer.
namespace mica::io {

/// A source of bytes with a position. Implementations throw std::runtime_error when they cannot read.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual bool is_open() const = 0;
  virtual bool good() const = 0;
  virtual size_t tell() = 0;
  virtual void seek(int64_t offset, std::ios_base::seekdir way = std::ios_base::beg) = 0;
  /// Exactly `n` bytes from the position, which moves.
  virtual void read(char* data, size_t n) = 0;
  /// Exactly `n` bytes from `offset`; the position stays.
  virtual void read(char* data, size_t n, size_t offset) = 0;
  /// What error messages call it.
  virtual std::string label() const = 0;
};

/// A sink of bytes with a position. Implementations throw std::runtime_error when they cannot write.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual bool is_open() const = 0;
  virtual bool good() const = 0;
  virtual size_t tell() = 0;
  virtual void seek(int64_t offset, std::ios_base::seekdir way = std::ios_base::beg) = 0;
  virtual void write(const char* data, size_t n) = 0;
  virtual std::string label() const = 0;
  /// Called before the first write, once the arrays are computed (which may still read from the file).
  virtual void open() {}
};

/// A file to read. is_open() tells whether it could be opened.
class ParallelFileReader : public Reader {
 public:
  explicit ParallelFileReader(std::string path);
  ~ParallelFileReader() override;
  ParallelFileReader(const ParallelFileReader&) = delete;
  ParallelFileReader& operator=(const ParallelFileReader&) = delete;

  bool is_open() const override { return fd_ >= 0; }
  bool good() const override { return is_open(); }
  size_t tell() override;
  void seek(int64_t offset, std::ios_base::seekdir way = std::ios_base::beg) override;
  void read(char* data, size_t n) override;
  void read(char* data, size_t n, size_t offset) override;
  std::string label() const override { return "file " + path_; }

 private:
  std::string path_;
  int fd_ = -1;
};

/// A file to write, which open() creates or empties. For a file that appears only when it is whole, save by name.
class FileWriter : public Writer {
 public:
  FileWriter() = default;
  explicit FileWriter(std::string path) : path_(std::move(path)) {}
  ~FileWriter() override;
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  FileWriter(FileWriter&& other) noexcept;

  void open() override;
  bool is_open() const override { return fd_ >= 0; }
  bool good() const override { return is_open(); }
  size_t tell() override;
  void seek(int64_t offset, std::ios_base::seekdir way = std::ios_base::beg) override;
  void write(const char* data, size_t n) override;
  std::string label() const override { return "file " + path_; }

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace mica::io
