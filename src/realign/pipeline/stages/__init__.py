"""One module a stage, one public function each: typed tables and settings in, typed tables out."""
