//! MOO files, as `vectors/sst286/README.md` describes them.
