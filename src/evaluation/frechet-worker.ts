import { serve } from "../runtime/index.ts";
import { type FrechetInit, openFrechetService } from "./frechet-service.ts";

serve((init: FrechetInit) => openFrechetService(init));
