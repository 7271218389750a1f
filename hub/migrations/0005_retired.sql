-- When another life took over: what is still under way from before proves nothing.
ALTER TABLE incarnation ADD COLUMN retired_at BIGINT;
