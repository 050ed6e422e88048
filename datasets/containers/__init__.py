"""How the bytes of images are read from files, tar, TFRecords and Parquet."""
