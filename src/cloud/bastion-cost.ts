/**
 * Owns what a plan says about the price of a kept bastion: list prices as data, with their source and date, and what is
 * not in them. They are an orientation, no offer; contracts differ. Pure.
 */

/**
 * EUR an hour for a running server with an open Linux, pay per use, region eu-de. Source: T-Systems' price calculator
 * (calculator.otc-service.com, its price API, product OTC_S3M1_LI), as a public record of its answers has it
 * (github.com/seaser0/otc-pricing-mcp, docs/api-quirks.md). Not verified on an invoice.
 */
const HOURLY: Readonly<Record<string, number>> = { 's3.medium.1': 0.051175 };
export const PRICES_OF = '2026-05-06';
const HOURS_A_MONTH = 730;
/** What else is paid for by the hour or by use, and no published price is on record of here (price models, "Compute", "Network"). */
const BESIDES = 'its EIP, its system disk and what it sends';

/** `s3.medium.1, list price about 0.05 EUR an hour, 37 EUR a month as of …`, what is not counted, or where the price stands. */
export function bastionCost(region: string, flavor: string): string {
  const hourly = region === 'eu-de' ? HOURLY[flavor] : undefined;
  if (hourly === undefined) return `${flavor}, ${BESIDES} cost what the price list of ${region} says`;
  const month = Math.round(hourly * HOURS_A_MONTH);
  return `${flavor}, list price about ${hourly.toFixed(2)} EUR an hour, ${month} EUR a month as of ${PRICES_OF} for the server alone; ${BESIDES} are not counted`;
}
